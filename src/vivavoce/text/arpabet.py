"""English words and sentences -> ARPAbet phonemes with stress, from a small lexicon and a model.

Numbers and abbreviations must be words already. Of a word with two readings, the neighbours decide
only the plainest cases ("to use" against "the use").
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib import resources

from vivavoce.text import homographs, letters
from vivavoce.types import Spoken, Tokens

Phones = tuple[str, ...]

PAD, START, END, BOUNDARY = "_", "^", "$", " "
MARKS = ("?", "!", ".", ";", ":", ",", "-")  # strongest first: of several in a gap one is kept
CONSONANTS = (
    *("B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG"),
    *("P", "R", "S", "SH", "T", "TH", "V", "W", "Y", "Z", "ZH"),
)
VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
SYMBOLS: tuple[str, ...] = (  # trained models hold indices into this: never reorder
    *(PAD, START, END, BOUNDARY),
    *MARKS,
    *CONSONANTS,
    *(vowel + stress for vowel in VOWELS for stress in "012"),
)

_IDS = {symbol: index for index, symbol in enumerate(SYMBOLS)}
_LETTER = r"[^\W_\u0300-\u036f][\u0300-\u036f]*"
_WORD = rf"['’]?(?P<word>(?:{_LETTER})+(?:['’‐‑-](?:{_LETTER})+)*['’]?)"
_TOKEN = re.compile(rf"{_WORD}|[\s\S]")
_MARK_OF = {mark: mark for mark in MARKS} | {"…": ".", "–": "-", "—": "-", "―": "-"}
_MARK_OF |= dict.fromkeys("()[]{}", ",")
_QUIET = frozenset('"‘“”„«»`*_\u00ad') | frozenset(map(chr, range(0x300, 0x370)))
_FOLD = {"æ": "ae", "œ": "oe", "ø": "o", "ß": "ss", "ł": "l", "đ": "d", "ð": "th", "þ": "th"}
_FOLD |= {"’": "'", "‐": "-", "‑": "-"}

_INFINITIVE = (
    r"to|can|could|will|would|shall|should|may|might|must|do|did|does|please|let's|.*n't|.*'ll"
)
_BEFORE_INFINITIVE = re.compile(_INFINITIVE)
_BEFORE_VERB = re.compile(_INFINITIVE + r"|i|you|we|they|who|never|.*'d")
_BEFORE_NOUN = re.compile(r"a|an|the|my|your|his|our|their|its|every|each|no|many|some|these|those")
_BEFORE_PAST = re.compile(r"he|she|it|is|are|was|were|be|been|being|have|has|had|having|.*'ve")
_VERB_FIRST = frozenset({"lead", "live"})  # of these the second reading is no verb
_SIBILANTS = frozenset({"S", "Z", "SH", "ZH", "CH", "JH"})
_VOICELESS = frozenset({"P", "T", "K", "F", "TH"})
_CLITICS = {"ll": ("AH0", "L"), "ve": ("AH0", "V"), "re": ("ER0",), "m": ("AH0", "M")}
_OUR = re.compile("(?<=[a-z][bcdfghjklmnprstvwxyz])our(?=(?:ed|ers?|ing|s|y|ite|able|less)?$)")
_BRITISH = {
    "anaem": "anem", "haem": "hem", "leukaem": "leukem", "paed": "ped", "mediaev": "mediev",
    "foet": "fet", "oesoph": "esoph", "oestr": "estr", "oedem": "edem", "gynaec": "gynec",
    "faec": "fec", "diarrhoea": "diarrhea", "manoeuvre": "maneuver", "manoeuvring": "maneuvering",
    "gaol": "jail", "sombre": "somber", "calibre": "caliber", "sabre": "saber", "meagre": "meager",
    "sepulchre": "sepulcher", "connexion": "connection", "sulph": "sulf", "waggon": "wagon",
}  # fmt: skip
_WORDLIKE = re.compile(  # a word begins with one of these clusters; else capitals are spelt
    r"(?:[bcfgps]l|[bcdfgkptw]r|[cpstwg]h|s[ckmnpqtw]|[dt]w|[gk]n|ps|qu|s[cpt]r|spl|s?chr?|shr|"
    r"thr|phr|[b-z])?[aeiouy](?!.*[^aeiouy]{4})"
)


def encode(spoken: Spoken | str) -> Tokens:
    """One normalised sentence as ids of `SYMBOLS`, "^" first and "$" last.

    A gap between two words is one symbol: its strongest punctuation mark, else " ". The parts of a
    hyphenated word are separated by " " too and count as one word. Quotation marks are silent.
    """
    text = spoken if isinstance(spoken, str) else spoken.text
    origin = range(len(text)) if isinstance(spoken, str) else spoken.origin
    words: list[str] = []
    starts: list[int] = []
    gaps = [""]
    unknown: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        unknown += [
            c for c in token if not (c.isspace() or c in _QUIET or c in _MARK_OF or _fold(c))
        ]
        if match["word"] and phonemes(token):
            words.append(token)
            starts.append(origin[match.start("word")])
            gaps.append("")
        else:
            gaps[-1] += _MARK_OF.get(token, "")
    symbols, index = [START], [-1]
    for number, (reading, gap) in enumerate(zip(_in_context(words, gaps), gaps[1:], strict=True)):
        separator = min(gap, key=MARKS.index, default=BOUNDARY)
        if number + 1 == len(words) and not gap:
            separator = ""
        symbols += [*reading, *separator]
        index += [-1 if phone == BOUNDARY else number for phone in reading]
        index += [-1] * len(separator)
    return Tokens(
        ids=tuple(_IDS[symbol] for symbol in [*symbols, END]),
        word_index=(*index, -1),
        words=tuple(word.strip("'’") for word in words),
        word_starts=tuple(starts),
        unknown=tuple(dict.fromkeys(unknown)),
    )


def _in_context(words: list[str], gaps: list[str]) -> list[Phones]:
    """Readings that depend on the neighbours; the lexicon has them as `word+v`, `+2` and `+to`."""
    lexicon = _lexicon()
    chosen = [phonemes(word) for word in words]
    plain = [word.lower().replace("’", "'").strip("'") for word in words]
    for i, (word, before, after) in enumerate(
        zip(plain, ["", *plain], [*plain[1:], ""], strict=False)
    ):
        if second := _second_reading(plain, gaps, i, before):
            chosen[i] = second
        if after == "to" and f"{word}+to" in lexicon and not _BEFORE_PAST.fullmatch(before):
            chosen[i] = lexicon[f"{word}+to"]
        if word == "the" and after and chosen[i + 1][0][-1].isdigit():
            chosen[i] = ("DH", "IY0")  # before a vowel
        if words[i] == "A" and (gaps[i + 1] or not after):
            chosen[i] = lexicon["a+name"]  # an article does not end a phrase
    return chosen


def _second_reading(plain: list[str], gaps: list[str], i: int, before: str) -> Phones | None:
    """A homograph's other reading, where the words around ask for it."""
    lexicon, word = _lexicon(), plain[i]
    verb, other = lexicon.get(f"{word}+v"), lexicon.get(f"{word}+2")
    if verb and _BEFORE_NOUN.fullmatch(before):
        return None
    if (verb or word in _VERB_FIRST) and _BEFORE_VERB.fullmatch(before):
        return verb
    if other and word == "read" and _BEFORE_INFINITIVE.fullmatch(before):
        return None
    if homographs.is_homograph(word) and homographs.second_reading(plain, gaps, i):
        return verb or other
    return None


@lru_cache(maxsize=65536)
def phonemes(word: str) -> Phones:
    """The phones of one word, with " " between the parts of a hyphenated one.

    The lexicon comes first, then inflections of what it holds, then the letter model. Capitals
    that do not look like a word and words without a vowel are spelt. Nothing for a word that has
    neither Latin letters nor digits.
    """
    folded = "".join(_fold(c) for c in word)
    readings = [_part(part) for part in re.findall(r"[a-zA-Z']*[a-zA-Z][a-zA-Z']*|[0-9]", folded)]
    return tuple(phone for reading in readings for phone in (BOUNDARY, *reading))[1:]


def _part(part: str) -> Phones:
    lexicon = _lexicon()
    stem = part.strip("'")
    for form in (part, part.lower(), stem, stem.lower()):
        if form in lexicon:
            return lexicon[form]
    head, apostrophe, tail = stem.rpartition("'")
    return _contraction(head, tail.lower()) if apostrophe else _plain(stem)


def _contraction(head: str, tail: str) -> Phones:
    """What stands before an apostrophe, and the clitic after it."""
    if tail == "t" and len(head) > 1 and head[-1] in "nN":
        return (*_part(head[:-1]), "AH0", "N", "T")
    base = _part(head)
    if tail == "s":
        return _with_s(base)
    if tail == "d":
        return (*base, "AH0", "D") if base[-1] in ("T", "D") else (*base, "D")
    return (*base, *(_CLITICS[tail] if tail in _CLITICS else _part(tail)))


def _plain(stem: str) -> Phones:
    """A word of letters that the lexicon does not have as it stands."""
    lower, singular = stem.lower(), stem[:-1]
    if len(stem) > 2 and stem[-1] == "s":
        regular = lower[-2] not in "sui" and singular.lower() in _lexicon()
        if regular or singular.isupper():
            return _with_s(_part(singular))
    capitals = stem.isupper() and (len(stem) < 4 or not _WORDLIKE.match(lower))
    if capitals or not re.search("[aeiouy]", lower) or len(stem) == 1:
        return _spelt(lower)
    american = _american(lower)
    return _part(american) if american != lower else letters.pronounce(lower)


def _american(word: str) -> str:
    """British spelling -> that of the dictionary which the letter model learnt from."""
    american = _OUR.sub("or", word)
    if american != word and {american, american.removesuffix("s")} & common_words():
        return american
    for ours, theirs in _BRITISH.items():
        if word.startswith(ours):
            return theirs + word.removeprefix(ours)
    return word


def _with_s(base: Phones) -> Phones:
    if base[-1] in _SIBILANTS:
        return (*base, "IH0", "Z")
    return (*base, "S" if base[-1] in _VOICELESS else "Z")


def _spelt(lower: str) -> Phones:
    """Names of the letters run together, the last one stressed; the lexicon's `b+name`."""
    *first, last = (_lexicon()[f"{letter}+name"] for letter in lower)
    return (*(phone.replace("1", "2") for name in first for phone in name), *last)


@lru_cache(maxsize=1)
def common_words() -> frozenset[str]:
    """Some 60,000 words and names, for who needs a list; any other can be read too."""
    file = resources.files("vivavoce.text") / "data" / "english_words.txt"
    lines = file.read_text(encoding="ascii").splitlines()
    listed = {line for line in lines if not line.startswith("#")}
    return frozenset(listed | {word for word in _lexicon() if "+" not in word})


@lru_cache(maxsize=1)
def _lexicon() -> dict[str, Phones]:
    file = resources.files("vivavoce.text") / "data" / "english_exceptions.txt"
    lines = file.read_text(encoding="ascii").splitlines()
    entries = (line.split() for line in lines if line and not line.startswith("#"))
    return {word: tuple(phones) for word, *phones in entries}


def _fold(character: str) -> str:
    """ASCII letters, digits, apostrophe or hyphen in place of a character; "" if it has none."""
    lower = character.lower()
    if lower in _FOLD:
        return _FOLD[lower] if character == lower else _FOLD[lower].upper()
    decomposed = character if character.isascii() else unicodedata.normalize("NFKD", character)
    return "".join(c for c in decomposed if c.isascii() and (c.isalnum() or c in "'-"))
