"""A folder that sherpa-onnx speaks: the graph, its symbols, and a lexicon of words. English only.

Its front end looks words up, and puts a blank after every word and after every part that ends in a
mark. What our encoder writes otherwise is seen to inside the graph: no blank beside a mark, another
blank or an end, the symbols at both ends, and "the" before a vowel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vivavoce.checkpoints.onnx_layers import LayerGraph
from vivavoce.checkpoints.onnx_write import FLOAT, INT64, GraphWriter
from vivavoce.errors import OutputError, UsageError
from vivavoce.files import atomic_path
from vivavoce.hub.onnx import (
    LARGEST_ERROR,
    PRODUCER,
    OnnxVoice,
    checked_session,
    difference,
    ran,
    run_session,
)
from vivavoce.limits import read_bytes
from vivavoce.text import arpabet

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MODEL, TOKENS, LEXICON, CARD = "model.onnx", "tokens.txt", "lexicon.txt", "README.md"
INPUTS = ("noise_scale", "length_scale", "noise_scale_w")
MARKS = tuple(arpabet.SYMBOLS.index(mark) for mark in arpabet.MARKS)  # they follow one another
BLANK, START, END, DH, SCHWA, LONG = (
    arpabet.SYMBOLS.index(s)
    for s in (arpabet.BOUNDARY, arpabet.START, arpabet.END, "DH", "AH0", "IY0")
)
FIRST_VOWEL = len(arpabet.SYMBOLS) - 3 * len(arpabet.VOWELS)
PUNCTUATION = " ".join(mark for mark in arpabet.MARKS if mark != "-")
"""A hyphen is none of it: it joins words far more often than it is a dash."""
SIGNS = {"–": "-", "—": "-", "…": "."}  # they are looked up as words are
ELISIONS = ("'cause", "'em", "'til", "'tis", "'twas")
WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")


def to_sherpa(name: str, folder: Path, words: Path | None = None) -> list[Path]:
    """The model called `name` as a folder for sherpa-onnx's VITS slot; the files written.

    Every word of the text file `words` joins the lexicon: what that lacks, sherpa-onnx leaves out.
    Raises as `hub.onnx.to_onnx`; UsageError for a model of other symbols or several speakers,
    BadCheckpoint where `words` cannot be read.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / TOKENS).is_file():
        raise OutputError(f"{folder} is not empty.", "Choose another folder.")
    voice = OnnxVoice.open(name)
    if (
        tuple(voice.family.symbols(voice.model)) != arpabet.SYMBOLS
        or len(voice.model.speaker_names) > 1
    ):
        raise UsageError(
            f"--as sherpa cannot export '{voice.own.manifest['name']}'.",
            "It needs a single-speaker model with vivavoce's English phonemes. Use --as onnx.",
        )
    lexicon = "".join(lexicon_lines(words))
    content = sherpa_graph(voice)
    require_same_speech(voice, checked_session(voice), run_session(content))
    with atomic_path(folder) as fresh:
        fresh.mkdir()
        (fresh / MODEL).write_bytes(content)
        (fresh / TOKENS).write_text("".join(token_lines()), encoding="utf-8")
        (fresh / LEXICON).write_text(lexicon, encoding="utf-8")
        (fresh / CARD).write_text(card(voice, lexicon.count("\n")), encoding="utf-8")
    return [folder / file for file in (MODEL, TOKENS, LEXICON, CARD)]


def sherpa_graph(voice: OnnxVoice) -> bytes:
    """The file: inputs by position, noise drawn inside."""
    g = GraphWriter()
    x = g.input("x", INT64, (1, "tokens"))
    g.input("x_length", INT64, (1,))
    inputs = {one: g.input(one, FLOAT, (1,)) for one in INPUTS}
    still = g.constant(np.zeros(1))
    controls = voice.family.controls(voice.options())
    g.stand_ins = {one: inputs.get(one, still) for one in controls}
    g.stand_ins |= {"ids": known_ids(g, x), "noise": ""}
    voice.add_to(g)
    told = {
        "comment": PRODUCER,
        "language": "English",
        "n_speakers": "1",
        "add_blank": "0",
        "punctuation": PUNCTUATION,
        "sample_rate": str(voice.model.spec.sample_rate),
        "licence": str(voice.own.manifest.get("licence", "")),
        "version": version(PRODUCER),
    }
    return g.model(str(voice.own.manifest["name"]), PRODUCER, told)


def known_ids(g: GraphWriter, x: str) -> str:
    """`[1, L]` of the front end as our encoder writes them."""
    layers = LayerGraph(g, {})
    ids, blank, last_mark = layers.reshaped(x, [-1]), g.constant(BLANK), g.constant(max(MARKS))
    for by in (1, -1):
        beside = g.op("LessOrEqual", _shifted(layers, ids, by), last_mark)
        ids = _without(layers, ids, g.op("And", g.op("Equal", ids, blank), beside))
    weaker = g.op("Less", _shifted(layers, ids, 1), ids)
    again = g.op("LessOrEqual", _shifted(layers, ids, -1, max(MARKS) + 1), ids)
    mark = g.op("And", g.op("Greater", ids, blank), g.op("LessOrEqual", ids, last_mark))
    ids = _without(layers, ids, g.op("And", mark, g.op("Or", weaker, again)))
    whole = g.op("Concat", g.constant([START]), ids, g.constant([END]), axis=0)
    return layers.reshaped(_the_before_vowels(layers, whole), [1, -1])


def _shifted(layers: LayerGraph, ids: str, by: int, edge: int = 0) -> str:
    """The neighbour `by` places before each of `ids` `[L]`, behind it where negative."""
    g, edges = layers.g, layers.g.constant([edge] * abs(by))
    if by > 0:
        return g.op("Concat", edges, layers.cut(ids, 0, -by, 0), axis=0)
    return g.op("Concat", layers.cut(ids, -by, 2**31 - 1, 0), edges, axis=0)


def _without(layers: LayerGraph, ids: str, dropped: str) -> str:
    g = layers.g
    kept = layers.reshaped(g.op("NonZero", g.op("Not", dropped)), [-1])
    return g.op("Gather", ids, kept, axis=0)


def _the_before_vowels(layers: LayerGraph, ids: str) -> str:
    """The word DH AH0 before one that begins with a vowel becomes DH IY0."""
    g = layers.g
    before, first, behind, then = (_shifted(layers, ids, by) for by in (2, 1, -1, -2))
    found = g.op("Equal", ids, g.constant(SCHWA))
    for condition in (
        g.op("Equal", first, g.constant(DH)),
        g.op("LessOrEqual", before, g.constant(max(MARKS))),
        g.op("LessOrEqual", behind, g.constant(max(MARKS))),
        g.op("GreaterOrEqual", then, g.constant(FIRST_VOWEL)),
    ):
        found = g.op("And", found, condition)
    return g.op("Where", found, g.constant(LONG), ids)


def require_same_speech(
    voice: OnnxVoice, observed: InferenceSession, spoken: InferenceSession
) -> None:
    """Raises OutputError unless the front end's symbols, without noise, become the same samples."""
    for text in ("Hello, world.", "Is that you? It was, once."):
        ids = arpabet.encode(text).ids
        fed = voice.feeds((), ids, voice.options()) | {"noise_scale": np.zeros(1, np.float32)}
        still = np.zeros((1, voice.model.spec.n_channels, 0), np.float32)
        inputs = observed.get_inputs()
        fed = {one.name: fed.get(one.name, still) for one in inputs}
        expected = ran(observed, fed)[0]
        x = np.array([front_end(ids)], np.int64)
        scales = np.split(np.array([0, fed["length_scale"][0], 0], np.float32), 3)
        theirs = dict(zip(INPUTS, scales, strict=True))
        found = ran(spoken, theirs | {"x": x, "x_length": np.array([x.shape[1]], np.int64)})
        if difference(found[0], expected) > LARGEST_ERROR:
            raise OutputError(
                "The graph for sherpa-onnx and the model differ; nothing was written."
            )


def front_end(ids: Sequence[int]) -> list[int]:
    """Our ids as sherpa-onnx would write them: no ends, and a blank behind each word."""
    spread = [[BLANK, one] if one in MARKS else [one] for one in ids[1:-1]]
    return [one for group in spread for one in group] + [BLANK]


def token_lines() -> Iterator[str]:
    """A symbol and its number; the blank is told by its number alone."""
    for number, symbol in enumerate(arpabet.SYMBOLS):
        yield f"{number}\n" if symbol == arpabet.BOUNDARY else f"{symbol} {number}\n"


def lexicon_words(words: Path | None) -> list[str]:
    """Those that are common and those of a text, sorted, each with its possessive."""
    known = {word for word in arpabet.common_words() if WORD.fullmatch(word)}
    if words is not None:
        text = read_bytes(words).decode("utf-8", "replace").lower().replace("’", "'")
        known |= set(WORD.findall(text))
    known |= {f"{word}'s" for word in known if "'" not in word}
    return sorted(known | set(ELISIONS))


def lexicon_lines(words: Path | None) -> Iterator[str]:
    """A word and its phones; a sign and its mark."""
    yield from (f"{sign} {mark}\n" for sign, mark in SIGNS.items())
    for word in lexicon_words(words):
        yield f"{word} {' '.join(arpabet.phonemes(word))}\n"


def card(voice: OnnxVoice, count: int) -> str:
    """What the folder is, for whoever finds it."""
    own, its = voice.own.manifest, voice.its.manifest
    rate = voice.model.spec.sample_rate
    noise = voice.family.controls(voice.options()).get("noise_scale", 0.0)
    return f"""# {own["name"]} for sherpa-onnx

Made by vivavoce {version(PRODUCER)}. Licence of the weights: {own.get("licence") or "not stated"}
(acoustic model), {its.get("licence") or "not stated"} (vocoder). English, {rate} Hz.

```python
import sherpa_onnx

vits = sherpa_onnx.OfflineTtsVitsModelConfig(
    model="{MODEL}", lexicon="{LEXICON}", tokens="{TOKENS}", noise_scale={noise:g}
)
model = sherpa_onnx.OfflineTtsModelConfig(vits=vits)
config = sherpa_onnx.OfflineTtsConfig(model, max_num_sentences=8)
audio = sherpa_onnx.OfflineTts(config).generate("Hello there.")
```

- The lexicon has {count} entries. sherpa-onnx leaves out a word that it lacks, and says so in its
  log only. `vivavoce models export {own["name"]} --as sherpa --words FILE` adds a text's words.
  A word that touches a single quotation mark is another word to it: use double ones.
- `max_num_sentences` counts parts between marks and hyphens. With its default of 1 every part is
  spoken alone, with a pause after it: "twenty", "five".
- sherpa-onnx reads no numbers and no abbreviations: write them out. Readings that depend on the
  neighbours ("a record", "to record") are lost.
- It shortens pauses by its `silence_scale`, 0.2 by default.
"""
