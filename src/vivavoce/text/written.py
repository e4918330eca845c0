"""Text as written -> text as said, in every language of XTTS, for models that read letters.

English has its own rules; the other languages of XTTS have its words for numbers, money and marks.
Unlike XTTS's own front end this keeps capitals, punctuation and the script.
"""

from __future__ import annotations

import re
import unicodedata

from vivavoce.text.multilingual import clean, money, numbers
from vivavoce.text.multilingual.chinese import NUMBERS as CHINESE_NUMBERS
from vivavoce.text.multilingual.kanji import japanese
from vivavoce.text.multilingual.romanise import GROUPED, MONEY_BEFORE, NUMBER
from vivavoce.text.multilingual.tables import DOTTED_ORDINALS, LANGUAGES, ORDINALS, SYMBOLS
from vivavoce.text.normalise import normalise
from vivavoce.text.normalise.clean import tidy
from vivavoce.text.normalise.rewriter import Rewriter
from vivavoce.text.normalise.tables import ACRONYMS
from vivavoce.types import Spoken

SHOUTED = re.compile(r"(?<![\w'’])[^\W\d_a-zß-öø-ÿ][^\W\d_a-zß-öø-ÿ'’]+(?![\w])")
ARTICLE = re.compile(r"(?<=[A-Z]{2} )A(?= [A-Z]{2})")
VOWEL = re.compile("[AEIOUYÄÖÜÀÂÆÇÉÈÊËÎÏÔŒÙÛŸÁÍÓÚÑÃÕÅØАЕЁИОУЫЭЮЯІЇЄ]")
LEAST_SHOUTED = 4
"""Letters of a word in capitals that is taken for a word where a language has no list of them."""

_LAST_WORD = re.compile(r"([^\W\d_]+)[\s,;:'’\"«»-]{1,3}\Z")
_NEXT_WORD = re.compile(r"[\s,;:'’\"«»-]{1,3}([^\W\d_]+)")
_OPENING = re.compile(r"(?:\A|[.!?…:]\s)[\"'“‘«(¿¡\s]*\Z")
_MARKED = {
    language: re.compile(rf"[{re.escape(''.join(names))}]") for language, names in SYMBOLS.items()
}


def written_out(text: str, language: str) -> Spoken:
    """Numbers, money, marks and shouted words as a person reads them, with source offsets.

    Languages that XTTS does not speak only lose control characters, emoji and surplus spaces.
    Raises MissingExtra for digits in a language whose number words need the extra `languages`.
    """
    spoken = normalise(text, language)
    code = known_language(language)
    work = Rewriter(spoken.text)
    if code and code != "en":
        _numbers(work, code)
        tidy(work)
    _quiet(work, english=code == "en")
    return Spoken(work.text, tuple(spoken.origin[place] for place in work.origin))


def known_language(name: str) -> str | None:
    """The code of XTTS for `de`, `DE-at`, `zh`, `zh_TW`; None for a language that it lacks."""
    low = name.strip().lower().replace("_", "-")
    base = low.partition("-")[0]
    return next((c for c in (low, base, "zh-cn" if base == "zh" else "") if c in LANGUAGES), None)


def _numbers(work: Rewriter, code: str) -> None:
    digits = {c: str(unicodedata.digit(c)) for c in set(work.text) if _foreign_digit(c)}
    work.translate(digits)
    if code == "zh-cn":
        _chinese(work)
    elif code == "ja":
        _japanese(work)
    elif re.search("[0-9]", work.text):
        _european(work, code)
    names = SYMBOLS[code]
    gap = "" if code in {"zh-cn", "ja"} else " "
    work.sub(_MARKED[code], lambda m: f"{gap}{names[m[0]]}{gap}")


def _european(work: Rewriter, code: str) -> None:
    """The order is that of XTTS's own front end."""
    work.sub(clean.GAPS, "")
    if code in DOTTED_ORDINALS:
        work.sub(clean.ENDING, lambda match: clean.sentence_end(match, code))
    grouped = clean.COMMAS if code in clean.GROUPED_BY_COMMAS else clean.DOTS
    work.sub(grouped, lambda m: m[0].replace(",", "").replace(".", ""))
    work.sub(money.pattern(code), lambda m: money.spoken_amount(m, code))
    decimals = clean.DECIMAL_COMMA if code == "tr" else clean.DECIMAL
    work.sub(decimals, lambda m: numbers.decimal(m[1], m[2], code))
    work.sub(ORDINALS[code], lambda m: numbers.ordinal(m[1], code))
    work.sub(clean.NUMBER, lambda m: numbers.cardinal(m[0], code))
    work.sub(re.compile(clean.STOP_AFTER_NUMBER), "")


def _chinese(work: Rewriter) -> None:
    for pattern, replacement in CHINESE_NUMBERS:
        if callable(replacement):
            work.sub(pattern, replacement)
        else:
            template = replacement
            work.sub(pattern, lambda match, template=template: match.expand(template))


def _japanese(work: Rewriter) -> None:
    work.sub(GROUPED, lambda m: m[0].replace(",", ""))
    work.sub(MONEY_BEFORE, lambda m: m[2] + m[1])
    work.sub(re.compile("¥"), "円")
    work.sub(NUMBER, lambda m: japanese(m[0]))


def _quiet(work: Rewriter, english: bool) -> None:
    """WORDS IN CAPITALS in small letters: a model that reads letters would spell them.

    In English what is spelt has spaces between its letters by now; elsewhere words of four letters
    with a vowel are words where a neighbour is in capitals too, or from six letters on.
    """

    def lowered(match: re.Match[str]) -> str | None:
        word = match[0]
        if word in ACRONYMS or not (english or _is_shouted(word, match)):
            return None
        before = match.string[max(0, match.start() - 8) : match.start()]
        low = word.lower()
        return word[0] + low[1:] if len(low) == len(word) and _OPENING.search(before) else low

    if english:
        work.sub(ARTICLE, "a")
    work.sub(SHOUTED, lowered)


def _is_shouted(word: str, match: re.Match[str]) -> bool:
    if len(word) < LEAST_SHOUTED and not _neighbours(match):
        return False
    return bool(VOWEL.search(word)) and (len(word) > 5 or _neighbours(match))


def _neighbours(match: re.Match[str]) -> bool:
    """Whether the word before or behind is in capitals, and too long for an abbreviation."""
    before = _LAST_WORD.search(match.string[max(0, match.start() - 24) : match.start()])
    after = _NEXT_WORD.match(match.string[match.end() : match.end() + 24])
    found = [word[1] for word in (before, after) if word]
    least = 2 if len(match[0]) > LEAST_SHOUTED else LEAST_SHOUTED
    return any(word.isupper() and len(word) >= least for word in found)


def _foreign_digit(char: str) -> bool:
    return not char.isascii() and unicodedata.category(char) == "Nd"
