"""A report as one HTML file: no network, no scripts from elsewhere, readable from a folder."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce import files
from vivavoce.audio import io
from vivavoce.audio.resample import resample
from vivavoce.errors import AudioError
from vivavoce.evaluate.results import Metric, Scored
from vivavoce.evaluate.run import Report
from vivavoce.text import normalisers
from vivavoce.text.distance import alignment
from vivavoce.train.picture import colour, png
from vivavoce.types import Audio

OPENED = 50
"""The worst sentences, shown with pictures."""

RATE, WINDOW, HOP, BANDS = 16_000, 512, 256, 64
FLOOR_DB = 70.0
WIDEST = 500

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.25em .7em;text-align:left;
border-bottom:1px solid #ddd}th{cursor:pointer}td.n{text-align:right}
section{border-top:1px solid #ccc;padding:.7em 0}img{display:block;margin:.4em 0;max-width:100%}
ins{background:#cfe8cf;text-decoration:none}del{background:#f3cccc}mark{background:#f7e3a6}
.fail{color:#a00;font-weight:600}.dim{color:#666}audio{height:2em;vertical-align:middle}
@media(prefers-color-scheme:dark){body{background:#151515;color:#ddd}td,th{border-color:#333}
ins{background:#234b23}del{background:#5a2020}mark{background:#5a4a10;color:inherit}}
"""
SORT = """
for(const h of document.querySelectorAll('#all th'))h.onclick=()=>{const b=document.querySelector(
'#all tbody'),n=h.cellIndex,d=h.dataset.d=h.dataset.d==='1'?'-1':'1';[...b.rows].sort((x,y)=>{const
a=x.cells[n].textContent,c=y.cells[n].textContent;return d*(isNaN(a)||isNaN(c)||!a||!c?
a.localeCompare(c):a-c)}).forEach(r=>b.append(r))}
"""


def write(path: str | Path, report: Report, baseline: str | Path | None = None) -> None:
    """`baseline` is the folder of the report to compare with: its audio plays beside.

    Raises OutputError.
    """
    path = Path(path)
    names = sorted({name for item in report.items for name in item.scores})
    worst = sorted(report.items, key=lambda i: (-i.words.rate, bool(not i.failure), i.id))[:OPENED]
    title = f"Evaluation of {report.facts['model']['name'] or 'recordings'}"
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f"<title>{escape(title)}</title><style>{STYLE}</style><h1>{escape(title)}</h1>",
        "".join(f"<p class=fail>Failed: {escape(text)}</p>" for text in report.failures),
        _totals(report),
        "<h2>How it was measured</h2>",
        _facts(report.facts),
        f"<h2>The {len(worst)} worst sentences</h2>",
        *(_section(item, path.parent, report, baseline) for item in worst),
        "<h2>All sentences</h2>",
        _table(report.items, names),
        f"<script>{SORT}</script></html>\n",
    ]
    files.write_text(path, "\n".join(parts))


def _totals(report: Report) -> str:
    seeds = sorted(report.per_seed)
    head = ["metric", "value", "95 % interval", "sentences", *(f"seed {s}" for s in seeds)]
    head += ["difference to the baseline"] if report.differences else []
    rows = []
    for name, metric in report.results.items():
        cells = [name, _number(metric.value) or metric.reason, _span(metric), str(metric.count)]
        cells += [_number(report.per_seed[seed][name].value) for seed in seeds]
        if report.differences:
            other = report.differences.get(name)
            cells.append(
                f"{other.value:+.4f} {_span(other)}" if other and other.value is not None else ""
            )
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells))
    return f"<table><tr>{''.join(f'<th>{c}</th>' for c in head)}{''.join(rows)}</table>"


def _facts(facts: dict[str, Any]) -> str:
    rows = []
    for name, value in facts.items():
        text = (
            ", ".join(f"{k}: {v}" for k, v in value.items() if v not in ("", {}))
            if isinstance(value, dict)
            else str(value)
        )
        rows.append(f"<tr><td>{escape(name)}<td>{escape(text)}")
    return f"<table>{''.join(rows)}</table>"


def _section(item: Scored, folder: Path, report: Report, baseline: str | Path | None) -> str:
    numbers = {"WER": item.words.rate, "CER": item.characters.rate, **item.scores}
    said = ", ".join(f"{name} {_number(value)}" for name, value in numbers.items())
    head = f"<section><b>{escape(item.id)}</b> <span class=dim>seed {item.seed}; {said}</span>"
    if item.failure:
        return f"{head}<p class=fail>{escape(item.failure)}</p><p>{escape(item.text)}</section>"
    players = [("result", Path(item.audio))]
    if item.prompt:
        players.append(("prompt", Path(item.prompt)))
    if baseline is not None:
        own = Path(baseline) / "audio" / f"seed{item.seed}" / Path(item.audio).name
        players += [("baseline", own)] if own.is_file() else []
    sounds = " ".join(
        f'{name} <audio controls preload=none src="{escape(_address(path, folder))}"></audio>'
        for name, path in players
    )
    differences = _difference(item, report.facts["protocol"], report.facts["list"]["language"])
    return f"{head}<p>{sounds}</p>{_picture(Path(item.audio))}<p>{differences}</p></section>"


def _difference(item: Scored, protocol: dict[str, str], language: str) -> str:
    """What should have been said, with what was heard otherwise."""
    if not item.heard and not item.words.length:
        return escape(item.text)
    words = normalisers.find(protocol["normaliser"])
    steps = alignment(words(item.text, language), words(item.heard, language))
    shown = {
        "same": lambda a, b: escape(a),
        "sub": lambda a, b: f"<del>{escape(a)}</del> <mark>{escape(b)}</mark>",
        "del": lambda a, b: f"<del>{escape(a)}</del>",
        "ins": lambda a, b: f"<ins>{escape(b)}</ins>",
    }
    return " ".join(shown[kind](a, b) for kind, a, b in steps)


def _table(items: Sequence[Scored], names: list[str]) -> str:
    head = ["id", "seed", "WER", "CER", *names, "seconds", "text"]
    rows = []
    for item in items:
        numbers = [item.words.rate, item.characters.rate, *(item.scores.get(n) for n in names)]
        cells = "".join(f"<td class=n>{_number(n)}" for n in [*numbers, item.seconds])
        first = f"<tr><td>{escape(item.id)}<td class=n>{item.seed}"
        rows.append(f"{first}{cells}<td>{escape(item.text)}")
    return (
        f"<table id=all><thead><tr>{''.join(f'<th>{c}' for c in head)}</thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _picture(path: Path) -> str:
    """A mel spectrogram inside the page."""
    try:
        levels = mel_db(io.read(path))
    except AudioError:
        return ""
    data = base64.b64encode(png(colour(levels))).decode()
    return f'<img alt="Spectrogram" src="data:image/png;base64,{data}">'


def mel_db(audio: Audio) -> np.ndarray:
    """`[BANDS, T]` in dB below the loudest, for looking at."""
    samples = np.asarray(audio.samples, np.float32)
    samples = resample(samples, audio.sample_rate, RATE) if audio.sample_rate != RATE else samples
    samples = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    step = max(HOP, len(samples) // WIDEST)
    starts = range(0, len(samples) - WINDOW + 1, step)
    frames = np.stack([samples[s : s + WINDOW] for s in starts]) * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    mels = np.linspace(0.0, 2595 * np.log10(1 + RATE / 2 / 700), BANDS + 1)
    edges = np.round(700 * (10 ** (mels / 2595) - 1) / RATE * WINDOW).astype(int)
    bands = [power[:, a : max(a + 1, b)].mean(axis=1) for a, b in pairwise(edges)]
    level = 10 * np.log10(np.maximum(np.stack(bands), 1e-12))
    return np.maximum(level, level.max() - FLOOR_DB)


def _address(path: Path, folder: Path) -> str:
    """Of a file beside the page."""
    from urllib.parse import quote

    return quote(Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")


def _span(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return ""
    return f"{metric.low:.4f} to {metric.high:.4f}"
