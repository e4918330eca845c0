"""Phonemes from espeak-ng, called in this process: no subprocess, no temporary file.

The library comes with the optional package `espeakng_loader` (GPL-3.0).
"""

from __future__ import annotations

import ctypes
import re
import threading
from functools import cache
from typing import Any

from vivavoce.errors import MissingExtra, TextError

ALIASES = {"en": "en-us", "zh": "cmn", "zh-cn": "cmn"}
MARKS = ';:,.!?¡¿—…"«»“”'

_SYNCHRONOUS, _DO_NOT_EXIT, _UTF8, _IPA = 2, 0x8000, 1, 2
_MARK_RUN = re.compile(rf"((?<!\s)\s*+[{re.escape(MARKS)}][\s{re.escape(MARKS)}]*+)")
_LANGUAGE_SWITCH = re.compile(r"\([a-z][\w-]*\)")
_lock = threading.Lock()


class _VoiceSpec(ctypes.Structure):
    """espeak_VOICE of speak_lib.h."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


def phonemise(text: str, language: str = "en-us") -> str:
    """IPA with stress marks; words parted by spaces, punctuation kept where it stood.

    The text is cut at runs of `;:,.!?¡¿—…"«»“”`, the pieces are phonemised and the runs put back,
    as Coqui's phonemizer does. Raises MissingExtra without the optional package, TextError for a
    language espeak-ng does not have. Safe to call from several threads.
    """
    pieces = _MARK_RUN.split(text.strip())
    with _lock:
        library = _library()
        _set_voice(library, ALIASES.get(language.lower(), language.lower()))
        pieces[::2] = [_piece(library, piece) for piece in pieces[::2]]
    return "".join(pieces)


def clauses(text: str, language: str = "en-us") -> list[tuple[str, int, int]]:
    """Phonemes of each clause as espeak-ng itself cuts the text, and where the clause stands.

    A clause is `(phonemes, start, end)`; its punctuation is within `text[start:end]`, not in the
    phonemes. Raises as `phonemise`.
    """
    content = text.replace("\0", " ").encode("utf-8", "replace")
    buffer = ctypes.create_string_buffer(content)
    first = ctypes.addressof(buffer)
    position = ctypes.c_void_p(first)
    moving = ctypes.cast(ctypes.byref(position), ctypes.POINTER(ctypes.c_char_p))
    found: list[tuple[str, int, int]] = []
    start = 0
    with _lock:
        library = _library()
        _set_voice(library, ALIASES.get(language.lower(), language.lower()))
        while position.value:  # espeak-ng moves it along and ends with NULL
            said = library.espeak_TextToPhonemes(moving, _UTF8, _IPA) or b""
            end = position.value - first if position.value else len(content)
            read = len(content[:end].decode("utf-8", "ignore"))
            # the first character of the next clause has been read already
            stop = max(start, read - 1 if position.value else read)
            phonemes = _LANGUAGE_SWITCH.sub("", said.decode("utf-8")).strip()
            found.append((phonemes, start, stop))
            start = stop
    return found


@cache
def _library() -> Any:
    try:
        import espeakng_loader  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtra(
            "This voice reads phonemes, which needs espeak-ng.",
            "Install it with: pip install 'vivavoce[phonemes]'",
        ) from error
    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except OSError as error:
        raise MissingExtra(
            f"espeak-ng does not load on this system ({error}).",
            "Reinstall it with: pip install --force-reinstall espeakng-loader",
        ) from error
    library.espeak_Initialize.argtypes = [
        ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int,
    ]  # fmt: skip
    library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    library.espeak_TextToPhonemes.argtypes = [
        ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int,
    ]  # fmt: skip
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    data = espeakng_loader.get_data_path().encode()
    if library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DO_NOT_EXIT) < 0:
        raise MissingExtra(
            "espeak-ng finds no data files.",
            "Reinstall it with: pip install --force-reinstall espeakng-loader",
        )
    return library


def _set_voice(library: Any, language: str) -> None:
    # Always, although it is often set already: what a text in another script or a second
    # initialisation leaves behind would be read with another language's phonemes.
    wanted = _VoiceSpec(languages=language.encode())
    known = bool(language) and library.espeak_SetVoiceByName(language.encode()) == 0
    if not known and (
        not language or library.espeak_SetVoiceByProperties(ctypes.byref(wanted)) != 0
    ):
        raise TextError(
            f"espeak-ng does not know the language '{language}'.",
            "Codes look like en-us, de, fr-fr, pt-br.",
        )


def _piece(library: Any, text: str) -> str:
    """One piece without punctuation; espeak-ng gives it back clause by clause."""
    if not text.strip():
        return ""
    position = ctypes.c_char_p(text.replace("\0", " ").encode("utf-8", "replace"))
    clauses = []
    while position:  # espeak-ng moves it along and ends with NULL
        said = library.espeak_TextToPhonemes(ctypes.byref(position), _UTF8, _IPA)
        if said:
            clauses.append(_LANGUAGE_SWITCH.sub("", said.decode("utf-8")).strip())
    return " ".join(c for c in clauses if c)
