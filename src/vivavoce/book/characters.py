"""Bytes of a document -> characters -> characters that are spoken."""

from __future__ import annotations

import codecs
import re

_DECLARED = re.compile(rb"""(?:encoding|charset)\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})""")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
# Soft hyphen, zero-width space, byte order mark, and what turns the direction of text around.
# The joiners U+200C and U+200D stay: Persian and Indic words need them.
_UNSEEN = dict.fromkeys(
    [0xAD, 0x200B, 0x2060, 0xFEFF, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)
_TABLE = str.maketrans(_LIGATURES) | _UNSEEN
_SPACE = re.compile(r"\s+")
SCENE = re.compile(r"(?:[*⁂#•·~—–_=+-]\s*){1,12}")
"""A line of nothing but marks, which stands between two scenes."""


def decoded(data: bytes) -> str:
    """By the byte order mark, the encoding that the document declares, UTF-8, else Windows-1252."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    declared = _DECLARED.search(data[:1024])
    tried = [declared[1].decode("ascii")] if declared else []
    for encoding in (*tried, "utf-8"):
        try:
            if codecs.lookup(encoding).name in _TEXT_ENCODINGS:
                return data.decode(encoding)
        except (LookupError, ValueError):
            continue
    return data.decode("cp1252", "replace")


_TEXT_ENCODINGS = {
    *("utf-8", "utf-16", "ascii", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257"),
    *("koi8-r", "koi8-u", "shift_jis", "cp932", "euc_jp", "gb2312", "gbk", "gb18030", "big5"),
    *("euc_kr", "cp949", "mac-roman", *(f"iso8859-{n}" for n in (1, 2, 5, 7, 9, 15))),
}


def spoken(text: str) -> str:
    """One paragraph: no invisible characters, ligatures as letters, one space between words."""
    return _SPACE.sub(" ", text.translate(_TABLE)).strip()


def letters(text: str) -> str:
    """Letters and digits alone, small, to compare titles by."""
    return "".join(c for c in text.casefold() if c.isalnum())
