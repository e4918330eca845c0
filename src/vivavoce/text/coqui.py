"""Coqui's tokenizer for GlowTTS and VITS: a config's `characters` block, text -> Tokens.

XTTS has its own tokenizer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vivavoce.errors import ConfigError, TextError
from vivavoce.text.check import describe
from vivavoce.text.coqui_cleaners import clean
from vivavoce.text.split import word_spans
from vivavoce.types import Tokens

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PUNCTUATIONS = "!'(),-.:;? "
PHONEMES = (
    "iyɨʉɯuɪʏʊeøɘəɵɤoɛœɜɞʌɔæɐaɶɑɒᵻ" "ʘɓǀɗǃʄǂɠǁʛ"
    "pbtdʈɖcɟkɡqɢʔɴŋɲɳnɱmʙrʀⱱɾɽɸβfvθðszʃʒʂʐçʝxɣχʁħʕhɦɬɮʋɹɻjɰlɭʎʟ"
    "ˈˌːˑ" "ʍwɥʜʢʡɕʑɺɧʲ" "\u0303ɚ˞ɫ"
)  # fmt: skip
VITS_CHARACTERS = {
    "characters_class": "VitsCharacters",
    "characters": LETTERS,
    "phonemes": PHONEMES,
    "punctuations": PUNCTUATIONS,
}
"""The block of a VITS whose configuration has none; that of others is GlowTTS'."""
WORD = re.compile(r"\S+")
STRESS = re.compile("[ˈˌ]")

Phonemise = Callable[[str, str], str]


@dataclass(frozen=True)
class CoquiVocabulary:
    """Symbols in the order of the embedding rows; a symbol listed twice has its last index.

    `pad`, `blank`, `bos` and `eos` are indices, None where the vocabulary has no such symbol.
    """

    symbols: tuple[str, ...]
    pad: int | None = None
    blank: int | None = None
    bos: int | None = None
    eos: int | None = None

    def __len__(self) -> int:
        return len(self.symbols)


@dataclass(frozen=True)
class CoquiText:
    """Everything between a text and the ids of one trained model."""

    vocabulary: CoquiVocabulary
    cleaner: str | None = None
    language: str | None = None
    use_phonemes: bool = False
    add_blank: bool = False
    use_eos_bos: bool = False
    stress: bool = True

    def encode(
        self, text: str, language: str | None = None, phonemise: Phonemise | None = None
    ) -> Tokens:
        """Clean, phonemise if the model was trained so, look up, intersperse blanks.

        `phonemise(text, language)` is needed when `use_phonemes`. `unknown` in the result lists
        what the vocabulary lacks. Raises TextError when nothing that is known remains.
        """
        language = language or self.language
        said = clean(text, self.cleaner, language)
        starts = [
            m.start()
            for m in WORD.finditer(text)
            for _ in word_spans(clean(m[0], self.cleaner, language))
        ]
        starts = starts or [m.start() for m in WORD.finditer(text)]  # "%" is a word when said
        if self.use_phonemes:
            if phonemise is None:
                raise TextError(
                    "This model reads phonemes, not letters.",
                    "Install the extra: pip install 'vivavoce[phonemes]'.",
                )
            said = phonemise(said, language or "en-us")
            said = said if self.stress else STRESS.sub("", said)
        return self.look_up(said, starts)

    def look_up(self, said: str, starts: Sequence[int] = ()) -> Tokens:
        """Ids of a text that is already clean (or of phonemes).

        `starts` are offsets of the source words; where their number differs from that of the
        words said, the nearest in order counts. Without them offsets are those in `said`.
        """
        index = {symbol: i for i, symbol in enumerate(self.vocabulary.symbols)}
        words = word_spans(said)
        owner = {i: n for n, (start, end) in enumerate(words) for i in range(start, end)}
        kept = [(index[c], owner.get(i, -1)) for i, c in enumerate(said) if c in index]
        unknown = tuple(c for c in dict.fromkeys(said) if c not in index)
        if not any(word >= 0 for _, word in kept):
            raise TextError(
                f"The voice knows none of these characters: {describe(unknown) or said!r}.",
                "Write the text in the script and language the voice was trained on.",
            )
        ids, owners = [i for i, _ in kept], [word for _, word in kept]
        spelled = tuple(said[a:b] for a, b in words)
        starts = starts or [start for start, _ in words]
        word_starts = tuple(starts[n * len(starts) // len(words)] for n in range(len(words)))
        if self.add_blank:
            ids = _intersperse(ids, _needed(self.vocabulary.blank, "blank"))
            owners = _intersperse(owners, -1)
        if self.use_eos_bos:
            bos, eos = _needed(self.vocabulary.bos, "bos"), _needed(self.vocabulary.eos, "eos")
            ids, owners = [bos, *ids, eos], [-1, *owners, -1]
        return Tokens(tuple(ids), tuple(owners), spelled, word_starts, unknown)


def from_config(config: Mapping[str, Any]) -> CoquiText:
    """Read a Coqui `config.json` (or its text-related keys). Raises ConfigError when malformed."""
    arguments = config.get("model_args") or {}
    add_blank = arguments.get("add_blank", config.get("add_blank", False))
    return CoquiText(
        vocabulary=vocabulary(config),
        cleaner=config.get("text_cleaner") or None,
        language=config.get("phoneme_language") or None,
        use_phonemes=bool(config.get("use_phonemes", False)),
        add_blank=bool(add_blank),
        use_eos_bos=bool(config.get("enable_eos_bos_chars", False)),
        stress=config.get("phonemizer") != "gruut",  # which leaves stress marks out
    )


def vocabulary(config: Mapping[str, Any]) -> CoquiVocabulary:
    """The vocabulary of the `characters` block; without one, Coqui's default for GlowTTS."""
    block = config.get("characters")
    use_phonemes = bool(config.get("use_phonemes", False))
    if block is not None and not isinstance(block, Mapping):
        raise ConfigError("'characters' is not a table.", "Give a Coqui config.json.")
    if block is None:
        block = {"characters": PHONEMES if use_phonemes else LETTERS, "pad": "<PAD>",
                 "punctuations": PUNCTUATIONS, "eos": "<EOS>", "bos": "<BOS>",
                 "blank": "<BLNK>", "is_unique": False}  # fmt: skip
    kind = str(block.get("characters_class") or "").rpartition(".")[2]
    if not kind:
        kind = "IPAPhonemes" if use_phonemes else "Graphemes"
    if block.get("vocab_dict"):
        return _plain(list(block["vocab_dict"]), block)
    if kind in {"VitsCharacters", "FreeVCCharacters"}:
        return _vits(block)
    if kind not in {"Graphemes", "IPAPhonemes", "BaseCharacters"}:
        raise ConfigError(
            f"Unknown characters class '{kind}'.", "Known: Graphemes, IPAPhonemes, VitsCharacters."
        )
    return _base(block, prefer_phonemes=kind == "IPAPhonemes")


def _base(block: Mapping[str, Any], prefer_phonemes: bool) -> CoquiVocabulary:
    """[pad, eos, bos, blank, characters..., punctuation...], empty ones left out."""
    characters = block.get("characters") or ""
    if prefer_phonemes and block.get("phonemes"):
        characters = block["phonemes"]
    listed = list(characters)
    if block.get("is_unique", True):
        listed = list(dict.fromkeys(listed))
    if block.get("is_sorted", True):
        listed.sort()
    special = [block.get(name) for name in ("pad", "eos", "bos", "blank")]
    symbols = [s for s in special if s] + listed + list(block.get("punctuations") or "")
    return _plain(symbols, block)


def _vits(block: Mapping[str, Any]) -> CoquiVocabulary:
    """[pad, punctuation..., graphemes..., phonemes..., <BLNK>]; duplicates keep their rows."""
    pad = block.get("pad") or "<PAD>"
    characters = (block.get("characters") or "") + (block.get("phonemes") or "")
    symbols = [pad, *(block.get("punctuations") or ""), *characters, "<BLNK>"]
    return _plain(symbols, {"pad": pad, "blank": "<BLNK>"})


def _plain(symbols: list[str], names: Mapping[str, Any]) -> CoquiVocabulary:
    index = {symbol: i for i, symbol in enumerate(symbols)}
    roles = {role: index.get(names.get(role) or "") for role in ("pad", "blank", "bos", "eos")}
    return CoquiVocabulary(tuple(symbols), **roles)


def _needed(index: int | None, role: str) -> int:
    if index is None:
        raise ConfigError(
            f"The vocabulary has no {role} symbol, but the model was trained with one.",
            "The `characters` block of its config.json is incomplete.",
        )
    return index


def _intersperse(values: list[int], blank: int) -> list[int]:
    """[a, b] -> [blank, a, blank, b, blank]."""
    result = [blank] * (2 * len(values) + 1)
    result[1::2] = values
    return result
