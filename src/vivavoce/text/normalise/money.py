"""English rules for sums of money: symbols, codes, cents, magnitudes, ranges and rates."""

from __future__ import annotations

import re

from vivavoce.text.normalise.nouns import describes
from vivavoce.text.normalise.numbers import NUMBER, cardinal, read
from vivavoce.text.normalise.rewriter import Rule

# symbol -> singular, plural, singular and plural of the hundredth part
CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "", ""),
    "₩": ("won", "won", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "₺": ("lira", "lira", "kurus", "kurus"),
    "₪": ("shekel", "shekels", "agora", "agorot"),
    "₫": ("dong", "dong", "", ""),
    "₴": ("hryvnia", "hryvnias", "kopiyka", "kopiykas"),
    "฿": ("baht", "baht", "", ""),
    "₿": ("bitcoin", "bitcoins", "", ""),
    "¢": ("cent", "cents", "", ""),
    "R$": ("real", "reais", "centavo", "centavos"),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "CNY": ("yuan", "yuan", "", ""),
    "RMB": ("yuan", "yuan", "", ""),
    "SEK": ("Swedish krona", "Swedish kronor", "öre", "öre"),
    "NOK": ("Norwegian krone", "Norwegian kroner", "øre", "øre"),
    "DKK": ("Danish krone", "Danish kroner", "øre", "øre"),
    "PLN": ("zloty", "zlotys", "grosz", "groszy"),
}
NAMED_DOLLARS = {
    "US": "U S", "A": "Australian", "AU": "Australian", "C": "Canadian", "CA": "Canadian",
    "HK": "Hong Kong", "NZ": "New Zealand", "S": "Singapore",
}  # fmt: skip
CODES = {
    "USD": ("$", "U S"), "EUR": ("€", ""), "GBP": ("£", "British"), "JPY": ("¥", ""),
    "KRW": ("₩", ""), "INR": ("₹", "Indian"), "RUB": ("₽", ""), "TRY": ("₺", ""),
    "AUD": ("$", "Australian"), "CAD": ("$", "Canadian"), "NZD": ("$", "New Zealand"),
    "HKD": ("$", "Hong Kong"), "SGD": ("$", "Singapore"), "CHF": ("CHF", ""), "CNY": ("CNY", ""),
    "RMB": ("RMB", ""), "SEK": ("SEK", ""), "NOK": ("NOK", ""), "DKK": ("DKK", ""),
    "PLN": ("PLN", ""),
}  # fmt: skip
SCALES = {
    "k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million",
    "mm": "million", "MM": "million", "mil": "million", "b": "billion", "B": "billion",
    "bn": "billion", "Bn": "billion", "T": "trillion", "t": "trillion", "tn": "trillion",
}  # fmt: skip
RATES = {
    "mo": "month", "month": "month", "yr": "year", "year": "year", "y": "year", "wk": "week",
    "week": "week", "d": "day", "day": "day", "hr": "hour", "h": "hour", "hour": "hour",
    "min": "minute", "kg": "kilogram", "lb": "pound", "oz": "ounce", "gal": "gallon",
    "share": "share", "person": "person", "night": "night", "unit": "unit", "ton": "ton",
}  # fmt: skip

RATE_NAMES = "|".join(sorted(RATES, key=len, reverse=True))
SYMBOL = r"(?:R\$|[$€£¥₩₹₽₺₪₫₴฿₿])"
PREFIX = rf"(?:(?P<country>US|AU?|CA?|HK|NZ|S)(?=\$))?(?P<symbol>{SYMBOL})"
CODE = rf"(?P<code>{'|'.join(CODES)})"
SCALE = (
    r"(?:(?: ?|-)(?P<scale>thousand|million|billion|trillion|mn|bn|Bn|tn|mil|(?:mm"
    rf"|MM|[kKmMbBTt])(?!-(?!a-|plus)|/(?!{RATE_NAMES}\b)))\b)?"
)
AMOUNT = rf"(?P<amount>{NUMBER})"
RATE = rf"(?:/(?P<rate>{RATE_NAMES})\b(?:\.(?=[,;:)]| [a-z]))?)?"


def _sum(
    amount: str, scale: str | None, symbol: str, country: str = "", described: bool = False
) -> str:
    """`described`: the sum is an adjective, "a five dollar bill"."""
    one, many, cent, cents = CURRENCIES[symbol]
    many = one if described else many
    country = country + " " if country else ""
    if scale:
        return f"{read(amount)} {SCALES.get(scale, scale)} {country}{many}"
    whole, _, fraction = amount.replace(",", "").partition(".")
    kept = fraction.rstrip("0")
    if len(kept) > 2 or (kept and not cent):
        return f"{read(amount)} {country}{many}"
    parts = []
    units, hundredths = int(whole or 0), int((kept + "00")[:2])
    if units or not hundredths:
        parts.append(f"{cardinal(units)} {country}{one if units == 1 else many}")
    if hundredths:
        parts.append(f"{cardinal(hundredths)} {cent if hundredths == 1 else cents}")
    return " ".join(parts)


def _rate(match: re.Match[str]) -> str:
    return f" per {RATES[match['rate']]}" if match["rate"] else ""


def _gap(match: re.Match[str]) -> str:
    return " " if match.string[match.end() : match.end() + 1].isalnum() else ""


def _symbol_first(match: re.Match[str]) -> str:
    country = NAMED_DOLLARS.get(match["country"] or "", "")
    words = _sum(match["amount"], match["scale"], match["symbol"], country, describes(match))
    return words + _rate(match) + _gap(match)


def _symbol_last(match: re.Match[str]) -> str:
    return _sum(match["amount"], match["scale"], match["symbol"]) + _rate(match) + _gap(match)


def _code(match: re.Match[str]) -> str:
    symbol, country = CODES[match["code"]]
    return _sum(match["amount"], match["scale"], symbol, country) + _rate(match)


def _range(match: re.Match[str]) -> str:
    """Of $5-10 million: the first amount alone, the second with its unit."""
    scale = match["scale"]
    second = _sum(
        match["amount"], scale, match["symbol"], NAMED_DOLLARS.get(match["country"] or "", "")
    )
    return f"{read(match['first'])} to {second}{_rate(match)}{_gap(match)}"


def _pence(match: re.Match[str]) -> str:
    n = int(match["n"])
    return f"{cardinal(n)} {'penny' if n == 1 else 'pence'}"


BEFORE = r"(?<![\w$€£¥])"

RULES: list[Rule] = [
    (re.compile(rf"(?<=[\d.kKmMbB]) ?[-–] ?(?={SYMBOL}\.?\d)"), " to "),
    (
        re.compile(rf"{BEFORE}{PREFIX} ?(?P<first>{NUMBER}) ?[-–] ?{AMOUNT}{SCALE}{RATE}(?![\d-])"),
        _range,
    ),
    (re.compile(rf"{BEFORE}{PREFIX} ?{AMOUNT}{SCALE}{RATE}"), _symbol_first),
    (re.compile(rf"\b{CODE} ?{AMOUNT}{SCALE}(?P<rate>(?!))?"), _code),
    (re.compile(rf"(?<![\w.])(?<!\d,){AMOUNT}{SCALE} ?{CODE}\b{RATE}"), _code),
    (
        re.compile(
            rf"(?<![\w.])(?<!\d,){AMOUNT}{SCALE} ?(?P<symbol>[€£¥₽₴₫₺₪₹¢])(?![\d€£¥#%]){RATE}"
        ),
        _symbol_last,
    ),
    (re.compile(r"(?<![\w.,£$-])(?P<n>\d{1,2})p(?![\w.]\w|\w)"), _pence),
]
