"""Numbers in Chinese characters, as they are said in Chinese and in Japanese."""

from __future__ import annotations

import re

from vivavoce.text.multilingual.tables import MOST_DIGITS

DIGITS = "零一二三四五六七八九"
UNITS = {1: "十", 2: "百", 3: "千", 4: "万", 8: "亿", 12: "兆"}
LIANG = re.compile(r"(?:\A|(?<=[百千万亿兆]))二(?=[百千万亿兆])")


def spelled(digits: str) -> str:
    """2023 -> 二零二三."""
    return "".join(DIGITS[int(digit)] for digit in digits)


def chinese(number: str) -> str:
    """12 -> 十二, 2200 -> 两千两百, 1005.5 -> 一千零五点五. Longer than 15 digits: one by one."""
    whole, point, fraction = number.partition(".")
    tail = f"点{spelled(fraction)}" if point else ""
    if len(whole) == 1 or len(whole) > MOST_DIGITS:
        return spelled(whole) + tail
    words = LIANG.sub("两", _places(whole)) or DIGITS[0]
    return words.removeprefix("一" if words.startswith("一十") else "") + tail


def japanese(number: str) -> str:
    """2023 -> 二千二十三, 1000.5 -> 千点五; codes such as 090 and long numbers digit by digit."""
    whole, point, fraction = number.partition(".")
    tail = f"点{spelled(fraction)}" if point else ""
    if len(whole) > MOST_DIGITS or (len(whole) > 1 and whole[0] == "0"):
        return spelled(whole) + tail
    words = _places(whole).replace("零", "").replace("亿", "億") or DIGITS[0]
    return re.sub(r"一(?=[十百]|千(?!万|億|兆))", "", words) + tail


def _places(digits: str) -> str:
    """Every digit with its unit; one 零 stands for any run of zeros inside."""
    value = digits.lstrip("0")
    zero = DIGITS[0] if len(value) < len(digits) else ""
    if not value:
        return ""
    if len(value) == 1:
        return zero + DIGITS[int(value)]
    power = max(power for power in UNITS if power < len(value))
    return zero + _places(value[:-power]) + UNITS[power] + _places(value[-power:])
