"""Chinese text -> the pinyin that XTTS reads: numbers in words, marks in ASCII, toned syllables.

The order of the rules is that of the training data; each works where it matches, so that a number
never changes another one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

from vivavoce.errors import MissingExtra
from vivavoce.text.multilingual.kanji import chinese, spelled
from vivavoce.text.multilingual.tables import SYMBOLS

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

_MULTIPLES = "亿|千万|百万|万|千|百"
_MONEY = (
    rf"(?:(?:{_MULTIPLES})?(?:元|块)|{_MULTIPLES}|角|毛"
    "|美元|欧元|日元|英镑|港币|人民币|韩元|卢布|分)"
)
# What is counted: with one of these behind it even a long number is no code.
_COUNTED = (
    "[匹张座回场尾条个首阙阵网炮顶丘棵只支袭辆挑担颗壳窠曲墙群腔砣客贯扎捆刀令打手罗坡山岭江溪钟队"
    "单双对出口头脚板跳枝件贴针线管名位身堂课本页家户层丝毫厘分钱两斤铢石钧锱忽寸尺丈里寻常铺程撮勺合"
    "升斗盘碗碟叠桶笼盆盒杯斛锅簋篮罐瓶壶卮盏箩箱煲啖袋钵年月日季刻时周天秒旬纪岁世更夜春夏秋冬代伏辈"
    "丸泡粒幢堆根道面片块]|[千毫微]克|[千分厘毫微]米"
)
_NUMBER = r"(?<![0-9.])[0-9]+(?:\.[0-9]+)?"
_INSIDE = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def _cardinals(match: re.Match[str]) -> str:
    """Every number of the match as one that counts."""
    return _INSIDE.sub(lambda number: chinese(number[0]), match[0])


def _date(match: re.Match[str]) -> str:
    year, month, day = match["year"], match["month"], match["day"]
    said = f"{spelled(year)}年" if year else ""
    said += f"{chinese(month)}月" if month else ""
    return said + (chinese(day) + match["unit"] if day else "")


def _numeric_date(match: re.Match[str]) -> str:
    year, _, month, day = match.groups()
    return f"{spelled(year)}年{chinese(str(int(month)))}月{chinese(str(int(day)))}日"


def _time(match: re.Match[str]) -> str:
    hour, minute = match.groups()
    said = "" if int(minute) == 0 else f"{chinese(minute)}分"
    return f"{chinese(str(int(hour)))}点{said}"


def _telephone(match: re.Match[str]) -> str:
    return spelled(re.sub(r"\D", "", match[0]))


NUMBERS: list[Rule] = [
    (re.compile(r"(?<![0-9,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])"), lambda m: m[0].replace(",", "")),
    (re.compile(rf"([$£€¥])\s?({_NUMBER})"), r"\2\1"),
    (re.compile(r"(?<=[0-9])\s?¥"), "元"),
    (re.compile(r"(?<=[0-9])\s?[$£€]"), lambda m: SYMBOLS["zh-cn"][m[0].strip()]),
    (
        re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})([-/.])([01]?[0-9])\2([0-3]?[0-9])(?![0-9])"),
        _numeric_date,
    ),
    (re.compile(r"(?<![0-9:])([0-2]?[0-9]):([0-5][0-9])(?![0-9:])"), _time),
    (
        re.compile(
            r"(?<![0-9])(?:(?P<year>[089][0-9]|(?:19|20)[0-9]{2})年(?:(?P<month>[0-9]{1,2})月"
            r"(?:(?P<day>[0-9]{1,2})(?P<unit>[日号]))?)?)"
        ),
        _date,
    ),
    (re.compile(r"(?<![0-9])[0-9]{1,2}月(?:[0-9]{1,2}[日号])?"), _cardinals),
    (re.compile(rf"{_NUMBER}[多余几]?{_MONEY}(?:[0-9]{_MONEY}?(?![0-9]))?"), _cardinals),
    (
        re.compile(r"(?<![0-9])(?:\+?86 ?)?1(?:[38][0-9]|5[0-35-9]|7[678]|9[89])[0-9]{8}(?![0-9])"),
        _telephone,
    ),
    (
        re.compile(r"(?<![0-9])(?:0(?:10|2[1-3]|[3-9][0-9]{2})-?)?[1-9][0-9]{6,7}(?![0-9])"),
        _telephone,
    ),
    (
        re.compile(r"(?<![0-9])([0-9]+)/([0-9]+)"),
        lambda m: f"{chinese(m[2])}分之{chinese(m[1])}",
    ),
    (re.compile(rf"({_NUMBER})%"), lambda m: f"百分之{chinese(m[1])}"),
    (re.compile(rf"{_NUMBER}[多余几]?(?:{_COUNTED})"), _cardinals),
    (re.compile(r"[0-9]{4,}"), lambda m: spelled(m[0])),
    (_INSIDE, _cardinals),
    (re.compile(r"(?<=[a-z])二(?=[a-z])"), "2"),
]

MARKS: list[Rule] = [
    (re.compile(r"(?<=[a-z0-9]{2})\.(?=[a-z0-9]{2})"), "点"),
    (re.compile("[“”„‟\"「」『』《》〈〉〝〞〟·・]|(?<![a-z])['‘’]|['‘’](?![a-z])"), ""),
    (re.compile("[’‘]"), "'"),
    (re.compile(r"(?<=[a-z])-(?=[a-z])"), " "),
    (re.compile("[。｡．]"), "."),
    (re.compile(r"(?![.!?'])[!-/:-@\[-`{-~、，；：—–…‧【】〔〕〖〗〘〙〚〛〜〰〿〃﹏]"), ","),
    (re.compile(r"[,.!?](?:\s*[,.!?])+"), lambda m: next(c for c in "?!.," if c in m[0])),
    (re.compile(r"\A[\s,]+"), ""),
]


def cleaned_chinese(text: str) -> str:
    """Raises MissingExtra for Chinese characters without the extra `zh`."""
    text = unicodedata.normalize("NFKC", text).lower()
    for rule, replacement in NUMBERS:
        text = rule.sub(replacement, text)
    for mark, word in SYMBOLS["zh-cn"].items():
        text = text.replace(mark, f" {word} ")
    for rule, replacement in MARKS:
        text = rule.sub(replacement, text)
    return _pinyin()(" ".join(text.split())) if not text.isascii() else " ".join(text.split())


@cache
def _pinyin() -> Callable[[str], str]:
    try:
        from pypinyin import Style, pinyin  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtra(
            "Chinese needs pypinyin.", "Install it with: pip install 'vivavoce[zh]'"
        ) from error

    def read(text: str) -> str:
        """Syllables follow each other without a space: ni3hao3. A neutral tone is 5."""
        syllables = pinyin(text, style=Style.TONE3, neutral_tone_with_five=True)
        return "".join(syllable for (syllable, *_) in syllables)

    return read
