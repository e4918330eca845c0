"""English rules for addresses of machines and telephones: e-mail, URLs, IPs, versions, numbers."""

from __future__ import annotations

import re

from vivavoce.text.normalise.numbers import SMALL, cardinal, digits
from vivavoce.text.normalise.rewriter import Rule

MARKS = {
    ".": "dot", "-": "dash", "_": "underscore", "/": "slash", ":": "colon", "@": "at",
    "&": "and", "+": "plus", "=": "equals", "?": "question mark", "#": "hash", "%": "percent",
    "~": "tilde", "'": "apostrophe", "!": "exclamation mark", "*": "asterisk", ",": "comma",
    ";": "semicolon", "$": "dollar", "\\": "backslash", "(": "", ")": "",
}  # fmt: skip
IN_LOCAL_PART = MARKS | {"&": "ampersand"}
WORD_ENDINGS = {
    "com", "org", "net", "gov", "mil", "info", "app", "dev", "blog", "shop", "online", "store",
    "tech", "site", "news", "name", "museum", "zip", "jpeg", "gif", "doc", "log", "bin",
}  # fmt: skip
ENDINGS = (
    "com|org|net|edu|gov|mil|int|info|biz|app|dev|blog|shop|online|store|tech|site|news|io|ai|co|me|"
    "tv|us|uk|de|fr|it|es|nl|eu|ch|at|be|se|no|fi|dk|pl|cz|ru|cn|jp|kr|in|au|nz|ca|br|mx|ie|pt|gr|sm|"
    "html?|pdf|jpe?g|png|gif|svg|mp[34]|wav|txt|csv|json|xml|zip|exe|docx?|xlsx?|pptx?|py|js|md|ya?ml|toml"
)
FILE_NAMES = {"jpg": "J PEG", "jpeg": "J PEG", "png": "P N G", "gif": "gif"}
PIECE = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)


def _say(text: str, marks: dict[str, str] = MARKS) -> str:
    """Letters as words or spelled, digits one by one, marks by name."""
    words = []
    for piece in PIECE.findall(text):
        if piece[0].isdigit():
            words.append(digits(piece))
        elif piece.isalpha():
            words.append(_word(piece))
        else:
            words.append(marks.get(piece, ""))
    return " ".join(w for w in words if w)


def _word(piece: str) -> str:
    low = piece.lower()
    if low in FILE_NAMES:
        return FILE_NAMES[low]
    spelled = low in {"www", "http", "https", "ftp", "html"} or not VOWEL.search(low)
    return " ".join(piece.upper()) if spelled and len(piece) < 6 else piece


def _host(host: str) -> str:
    name, _, ending = host.rpartition(".")
    if ending.isalpha() and len(ending) <= 3 and ending not in WORD_ENDINGS:
        return f"{_say(name)} dot {FILE_NAMES.get(ending) or ' '.join(ending.upper())}"
    return _say(host)


def _email(match: re.Match[str]) -> str:
    path = f" {_say(match['path'])}" if match["path"] else ""
    return f"{_say(match['local'], IN_LOCAL_PART)} at {_host(match['host'])}{path}"


def _url(match: re.Match[str]) -> str:
    url = match[0]
    ends = re.search(r"[.,;:!?)'\"]+\Z", url)
    tail = ends[0] if ends else ""
    url = url[: len(url) - len(tail)]
    scheme, colon, rest = url.partition("://")
    if not colon:
        scheme, rest = "", url
    host, slash, path = rest.partition("/")
    said = f"{_say(scheme)} colon slash slash " if scheme else ""
    said += _host(host) if "." in host else _say(host)
    return f"{said} {_say(slash + path)}".strip() + tail


def _dotted(match: re.Match[str]) -> str:
    groups = match["groups"].split(".")
    ip = len(groups) == 4
    prefix = "version " if match["v"] and match["v"] in "vV" else ""
    return prefix + " dot ".join(
        digits(g) if ip or g[0] == "0" else cardinal(int(g)) for g in groups
    )


def _phone(match: re.Match[str]) -> str:
    number, _, extension = re.sub(r" (?:x|ext\.?) ?", "x", match[0]).partition("x")
    groups = re.findall(r"\d+", number)
    words = [cardinal(800) if g == "800" else digits(g) for g in groups]
    said = ("plus " if number.lstrip("(").startswith("+") else "") + ", ".join(words)
    return f"{said} extension {digits(extension)}" if extension else said


def _local_phone(match: re.Match[str]) -> str | None:
    """555-1234 is a telephone number, 500-1000 is a range."""
    named = re.search(
        r"(?:call|phone|tel|number|at|dial|fax)\W{0,3}\Z",
        match.string[max(0, match.start() - 12) : match.start()],
        re.IGNORECASE,
    )
    if not named and match["b"].endswith("00"):
        return None
    return f"{digits(match['a'])}, {digits(match['b'])}"


def _vanity(match: re.Match[str]) -> str:
    words = [SMALL[int(w)] if w.isdigit() else w for w in match["word"].split("-")]
    area = match["area"]
    said = cardinal(int(area)) if area.endswith("00") else digits(area)
    return f"{digits(match['country'])}, {said}, {' '.join(words)}"


def _code(match: re.Match[str]) -> str:
    return digits(match[0])


RULES: list[Rule] = [
    (
        re.compile(
            r"(?<![\w+%&'-])(?P<local>\w[\w.+%&'-]{0,63})@(?P<host>"
            r"(?:[\w-]{1,63}\.){1,8}[a-zA-Z]{2,24})\b(?P<path>/[\w/.~%-]{0,500}\w)?"
        ),
        _email,
    ),
    (
        re.compile(r"(?<!\w)(?:https?|ftp|file|ssh|wss?|s3)://[^\s<>\"]{1,2000}", re.IGNORECASE),
        _url,
    ),
    (re.compile(r"(?<![\w.@/-])www\.[\w-]{1,63}\.[^\s<>\"]{1,2000}", re.IGNORECASE), _url),
    (
        re.compile(
            rf"(?<![\w.@/-])(?:[A-Za-z0-9][\w-]{{0,62}}\.){{1,6}}(?:{ENDINGS})\b(?![.]\w"
            r"|[-'@])(?:/[^\s<>\"]{0,2000})?"
        ),
        _url,
    ),
    (
        re.compile(
            r"(?<![\w.,-])(?P<v>[vV]?)(?P<groups>(?:0|[1-9]\d{0,2})(?:\.\d{1,3}){3})(?![\w-]"
            r"|\.\d)"
        ),
        _dotted,
    ),
    (
        re.compile(
            r"(?<![\w.,-])(?P<country>1)-(?P<area>\d{3})-(?P<word>[A-Z\d]{1,7}"
            r"(?:-[A-Z\d]{1,7}){0,3})(?<=[A-Z])(?!\w)"
        ),
        _vanity,
    ),
    (
        re.compile(
            r"(?<![\w.,/-])(?:\+?\d{1,3}[ -]?)?\(?\d{3}\)?[ .-]?\d{3}[-.]\d{4}(?:[ -](?:x"
            r"|ext\.? ?)?\d{1,5})?(?![\w-])"
        ),
        _phone,
    ),
    (
        re.compile(
            r"(?<![\w.,/-])\+(?=[1-9](?:\W{0,2}\d){6})\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}(?!\w)"
        ),
        _phone,
    ),
    (
        re.compile(
            r"(?<![\w.,/-])(?:\d{3}-\d{2}-\d{4}|\d{2}-\d{7}|\d{5}-\d{4}|0\d{2,9}-\d{3,9})(?![\w-])"
        ),
        _phone,
    ),
    (re.compile(r"(?<![\w.,/-])0\d{2,4}(?: \d{3,8}){1,2}(?![\w-])"), _phone),
    (re.compile(r"(?<![\w.,/-])\(0\d{2,4}\) ?\d{3,4} ?\d{3,4}(?![\w-])"), _phone),
    (
        re.compile(
            r"(?<![\w.,/$€£-])(?P<a>\d{3})-(?P<b>\d{4})(?![\w-]|[.,]\d| ?(?:kg|km|lbs?|g|m"
            r"|%))"
        ),
        _local_phone,
    ),
    (
        re.compile(
            r"(?<=ending in )\d{2,8}\b|(?<=PIN )\d{3,8}\b|(?<=code )\d{3,8}\b|"
            r"(?<=code is )\d{3,8}\b|(?<=[Cc]all )[1-9]11\b|(?<=[Dd]ial )[1-9]11\b"
        ),
        _code,
    ),
]

VERSIONS: list[Rule] = [
    (
        re.compile(r"(?<![\w.,-])(?P<v>[vV])(?P<groups>\d{1,4}(?:\.\d{1,4})*)(?![\w])(?!\.\d)"),
        _dotted,
    ),
    (
        re.compile(r"(?<![\w.,$€£-])(?P<v>)(?P<groups>\d{1,4}(?:\.\d{1,4}){2,5})(?![\w])(?!\.\d)"),
        _dotted,
    ),
]
