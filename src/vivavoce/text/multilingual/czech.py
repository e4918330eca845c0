"""Czech ordinals, which the number library of XTTS's reference lacks."""

from __future__ import annotations

from collections.abc import Callable

_SMALL = """
    nultý první druhý třetí čtvrtý pátý šestý sedmý osmý devátý desátý jedenáctý dvanáctý
    třináctý čtrnáctý patnáctý šestnáctý sedmnáctý osmnáctý devatenáctý
"""
_TENS = "dvacátý třicátý čtyřicátý padesátý šedesátý sedmdesátý osmdesátý devadesátý"
SMALL, TENS = _SMALL.split(), _TENS.split()
TIMES = ("", "", "dvou", "tří", "čtyř", "pěti", "šesti", "sedmi", "osmi", "devíti")
SCALES = ((10**9, "miliardtý"), (10**6, "miliontý"), (1000, "tisící"))


def ordinal(n: int, cardinal: Callable[[int], str]) -> str:
    """21 -> dvacátý první (masculine nominative); 1234 -> tisíc dvěstě třicátý čtvrtý.

    Only the last two digits, or the last word above them, are ordinals; what stands before is
    said by `cardinal`.
    """
    rest = n % 100
    if rest or n == 0:
        last = SMALL[rest] if rest < 20 else TENS[rest // 10 - 2]
        last += f" {SMALL[rest % 10]}" if rest > 20 and rest % 10 else ""
        return f"{cardinal(n - rest)} {last}" if n > rest else last
    for value, name in SCALES:
        if n % value == 0:
            return _multiple(n // value, name, cardinal)
    head, hundreds = n - n % 1000, n // 100 % 10
    words = TIMES[hundreds] + "stý"
    return f"{cardinal(head)} {words}" if head else words


def _multiple(count: int, name: str, cardinal: Callable[[int], str]) -> str:
    if count == 1:
        return name
    return TIMES[count] + name if count < 10 else f"{cardinal(count)} {name}"
