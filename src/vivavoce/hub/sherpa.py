"""A folder that sherpa-onnx speaks: the graph, its symbols, and a lexicon of words. English only.

Its front end looks words up and puts a blank after every word and at the end. The blanks that the
model has never seen, beside marks and at the end, and the symbols at both ends, are seen to inside
the graph.
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
BLANK, START, END = (
    arpabet.SYMBOLS.index(s) for s in (arpabet.BOUNDARY, arpabet.START, arpabet.END)
)
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
            f"'{voice.own.manifest['name']}' is not a single-speaker model of our phonemes.",
            "Only such models have a lexicon. Use --as onnx.",
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
        "punctuation": " ".join(arpabet.MARKS),
        "sample_rate": str(voice.model.spec.sample_rate),
        "licence": str(voice.own.manifest.get("licence", "")),
        "version": version(PRODUCER),
    }
    return g.model(str(voice.own.manifest["name"]), PRODUCER, told)


def known_ids(g: GraphWriter, x: str) -> str:
    """`[1, L]` of the front end as our encoder writes them: no blank beside a mark or an end."""
    layers = LayerGraph(g, {})
    flat = layers.reshaped(x, [-1])
    low, high = g.constant(min(MARKS)), g.constant(max(MARKS))
    mark = g.op("And", g.op("GreaterOrEqual", flat, low), g.op("LessOrEqual", flat, high))
    mark = layers.whole(mark)
    edge = g.constant([1])
    before = g.op("Concat", edge, layers.cut(mark, 0, -1, 0), axis=0)
    after = g.op("Concat", layers.cut(mark, 1, 2**31 - 1, 0), edge, axis=0)
    beside = g.op("Greater", g.op("Add", before, after), g.constant(0))
    dropped = g.op("And", g.op("Equal", flat, g.constant(BLANK)), beside)
    kept = layers.reshaped(g.op("NonZero", g.op("Not", dropped)), [-1])
    inner = g.op("Gather", flat, kept, axis=0)
    whole = g.op("Concat", g.constant([START]), inner, g.constant([END]), axis=0)
    return layers.reshaped(whole, [1, -1])


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


def lexicon_lines(words: Path | None) -> Iterator[str]:
    """A word and its phones: those that are common, and those of a text."""
    known = {word for word in arpabet.common_words() if WORD.fullmatch(word)}
    if words is not None:
        text = read_bytes(words).decode("utf-8", "replace").lower().replace("’", "'")
        known |= set(WORD.findall(text))
    for word in sorted(known):
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
config = sherpa_onnx.OfflineTtsConfig(sherpa_onnx.OfflineTtsModelConfig(vits=vits))
audio = sherpa_onnx.OfflineTts(config).generate("Hello there.")
```

- The lexicon has {count} words. sherpa-onnx leaves out a word that it lacks, and says so in its log
  only. `vivavoce models export {own["name"]} --as sherpa --words FILE` adds the words of a text.
- sherpa-onnx reads no numbers and no abbreviations: write them out. Readings that depend on the
  neighbours ("the" before a vowel) are lost.
- It shortens pauses by its `silence_scale`, 0.2 by default.
"""
