"""The parts of the report, each a piece of HTML."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from html import escape

from vivavoce.data.filters import pace
from vivavoce.data.report.charts import Threshold, histogram
from vivavoce.data.report.players import Player
from vivavoce.data.results import MANIFEST, REJECTED, Prepared, PreparedClip

MOST_EXAMPLES, MOST_LEFT_OUT, MOST_TO_CHECK, WORST = 6, 24, 24, 3
MOST_ROWS = 2000
"""Rows of a table; the rest is in the file of the same content."""

FEW = 10
"""Examples of a symbol below which a model hardly learns it."""

Measure = tuple[str, str, Callable[[PreparedClip], float], int]
MEASURES: tuple[Measure, ...] = (
    ("noisiest", "dB SNR", lambda one: one.clip.measures.snr_db, 1),
    ("dullest", "kHz", lambda one: one.clip.measures.bandwidth_hz / 1000, 1),
    ("fastest", "characters a second", lambda one: pace(one.clip), -1),
    ("slowest", "characters a second", lambda one: pace(one.clip), 1),
    ("longest", "s", lambda one: one.clip.seconds, -1),
    ("quietest", "LUFS", lambda one: one.clip.lufs + one.gain_db, 1),
)
"""The clips to listen to first: by each measure, from the smallest (1) or the largest (-1)."""


def chosen(result: Prepared) -> dict[str, PreparedClip]:
    """The clips that get a player, by id."""
    picked = [one for _, one in _extremes(result)] + _spread(result.clips, MOST_EXAMPLES)
    picked += _left_out(result) + _to_check(result)
    return {one.id: one for one in picked}


def heading(title: str, result: Prepared) -> str:
    return (
        f"<header><h1>{escape(title)}</h1><p class='dim'>{result.n_recordings} recordings, read as"
        f" <b>{escape(result.listed_as)}</b>; language {escape(result.config.language)}."
        f" Other files that were not looked at: {result.ignored}. Nothing in the folder was"
        " changed.</p></header>"
    )


def tiles(result: Prepared) -> str:
    n_held_out = sum(one.held_out for one in result.clips)
    lost = sum(one.seconds for one in result.rejected) / 60
    values = (
        (f"{result.minutes:.1f} min", "of speech to train on"),
        (f"{len(result.clips)}", f"clips, {n_held_out} of them for validation"),
        (f"{len(result.speakers)}", "speakers" if len(result.speakers) != 1 else "speaker"),
        (f"{len(result.rejected)}", f"left out ({lost:.1f} min)"),
        (f"{sum(bool(one.clip.problems) for one in result.clips)}", "to listen to"),
    )
    items = "".join(f"<li><b>{escape(value)}</b>{escape(label)}</li>" for value, label in values)
    return f'<ul class="tiles">{items}</ul>'


def advice(result: Prepared) -> str:
    least = result.config.least_minutes
    good = f"This is enough for {result.good_for}." if result.good_for else ""
    if not result.enough:
        good = f"Fewer than {least:g} minutes are left: too little to train on."
    command = f"vivavoce train RECIPE.toml --set data={shlex.quote(str(result.folder))}"
    next_step = f"<pre>{escape(command)}</pre>" if result.enough else ""
    return (
        f"<section><p><b>{escape(good)}</b></p>{next_step}"
        "<p>Licence of the recordings: ____________ &nbsp; The speaker agreed to a synthetic voice"
        " on: ____________</p></section>"
    )


def reasons(result: Prepared) -> str:
    """How much was left out, and why."""
    lost: Counter[str] = Counter()
    for one in result.rejected:
        lost[one.problem.name] += one.seconds  # type: ignore[assignment] - seconds, not counts
    remedies = {one.problem.name: one.problem.remedy for one in reversed(result.rejected)}
    rows = [
        (f"<b>{escape(name)}</b>", f"{count}", f"{lost[name] / 60:.1f}", escape(remedies[name]))
        for name, count in result.reasons.items()
    ]
    table = _table(("reason", "#count", "#minutes", "what to do"), rows)
    return _section("Left out, by reason", table) if rows else ""


def histograms(result: Prepared) -> str:
    c, clips = result.config, result.clips
    wanted = (
        ("Length", "s", lambda o: o.clip.seconds, ((c.shortest_s, "least"), (c.longest_s, "most"))),
        ("Noise (SNR)", "dB", lambda o: o.clip.measures.snr_db, ((c.snr_check_db, "to check"),)),
        ("Bandwidth", "kHz", lambda o: o.clip.measures.bandwidth_hz / 1000,
         ((c.bandwidth_check_hz / 1000, "to check"),)),
        ("Loudness in the set", "LUFS", lambda o: o.clip.lufs + o.gain_db, ()),
        ("Pace", "characters/s", lambda o: pace(o.clip), ()),
        ("Pitch", "Hz", lambda o: o.clip.measures.pitch_hz, ()),
    )  # fmt: skip
    drawn = [
        histogram(title, unit, [value(one) for one in clips], [Threshold(*mark) for mark in marks])
        for title, unit, value, marks in wanted
    ]
    return _section("Measures", f'<div class="charts">{"".join(drawn)}</div>') if clips else ""


def examples(result: Prepared, sounds: Mapping[str, Player]) -> str:
    """Clips of the set: some spread over it, and the most extreme by each measure."""
    items = [_clip(one, "", sounds) for one in _spread(result.clips, MOST_EXAMPLES)]
    extremes = [_clip(one, label, sounds) for label, one in _extremes(result)]
    if not items:
        return ""
    return _section("Examples", _clips(items)) + _section("Extremes of the set", _clips(extremes))


def left_out(result: Prepared, sounds: Mapping[str, Player]) -> str:
    """Everything that was left out, and some of it to listen to."""
    rows = [
        (
            f"{escape(one.source)}{_time(one.start_s, one.end_s)}",
            f'<span class="reason">{escape(one.problem.name)}</span>',
            f"{escape(one.problem.message)} <span class='dim'>{escape(one.problem.remedy)}</span>",
            escape(one.text[:200]),
        )
        for one in result.rejected[:MOST_ROWS]
    ]
    if not rows:
        return ""
    table = _table(("recording", "reason", "what and what to do", "text"), rows)
    more = len(result.rejected) - MOST_ROWS
    note = f"<p>{more} more are in {REJECTED}.</p>" if more > 0 else ""
    heard = [
        _clip(one, one.clip.rejection.name if one.clip.rejection else "", sounds)
        for one in _left_out(result)
    ]
    return _section("Left out", table + note + _clips(heard))


def to_check(result: Prepared, sounds: Mapping[str, Player]) -> str:
    """Clips that are in the set, with something to look at."""
    doubtful = [one for one in result.clips if one.clip.problems]
    rows = [
        (
            escape(one.id),
            ", ".join(escape(defect.name) for defect in one.clip.problems),
            " ".join(escape(f"{d.message} {d.remedy}") for d in one.clip.problems),
            escape(one.clip.text[:200]),
        )
        for one in doubtful[:MOST_ROWS]
    ]
    if not rows:
        return ""
    heard = [_clip(one, one.clip.problems[0].name, sounds) for one in _to_check(result)]
    more = len(doubtful) - MOST_ROWS
    note = f"<p>{more} more are in {MANIFEST}, under <code>checks</code>.</p>" if more > 0 else ""
    table = _table(("clip", "reason", "what and what to do", "text"), rows)
    return _section("In the set, but to be listened to", table + note + _clips(heard))


def symbols(result: Prepared) -> str:
    """Characters of which there are few, and texts with digits."""
    counts = Counter(c.lower() for one in result.clips for c in one.clip.text if not c.isspace())
    rare = sorted(c for c, n in counts.items() if n < FEW)
    digits = sum(any(c.isdigit() for c in one.clip.text) for one in result.clips)
    found = f"{len(counts)} different characters."
    if rare:
        listed = " ".join(f"<code>{escape(c)}</code>×{counts[c]}" for c in rare[:80])
        found += f" With fewer than {FEW} examples: {listed}"
    note = f"<p>{digits} texts hold digits: write numbers as they are said.</p>" if digits else ""
    return _section("Characters", f"<p>{found}</p>{note}") if counts else ""


def settings(result: Prepared) -> str:
    rows = [
        (f"<code>{f.name}</code>", escape(str(getattr(result.config, f.name))))
        for f in fields(result.config)
    ]
    return _section("Settings", _table(("setting", "value"), rows))


def _extremes(result: Prepared) -> list[tuple[str, PreparedClip]]:
    found: dict[str, tuple[str, PreparedClip]] = {}
    for name, unit, value, direction in MEASURES:
        order = sorted(result.clips, key=lambda one: (direction * value(one), one.id))
        for one in order[:WORST]:
            found.setdefault(one.id, (f"{name}: {value(one):.3g} {unit}", one))
    return list(found.values())


def _left_out(result: Prepared) -> list[PreparedClip]:
    """Of each reason some, in turn."""
    return _in_turn(result.left_out, lambda o: o.clip.rejection.name if o.clip.rejection else "")


def _to_check(result: Prepared) -> list[PreparedClip]:
    doubtful = [one for one in result.clips if one.clip.problems]
    return _in_turn(doubtful, lambda one: one.clip.problems[0].name)


def _in_turn(
    clips: Sequence[PreparedClip], kind: Callable[[PreparedClip], str]
) -> list[PreparedClip]:
    place: Counter[str] = Counter()
    ranked = []
    for one in clips:
        place[kind(one)] += 1
        ranked.append((place[kind(one)], one))
    ranked.sort(key=lambda pair: pair[0])
    return [one for _, one in ranked[:MOST_LEFT_OUT]]


def _spread(clips: Sequence[PreparedClip], n: int) -> list[PreparedClip]:
    count = min(n, len(clips))
    return [clips[i * len(clips) // count] for i in range(count)]


def _clip(one: PreparedClip, label: str, sounds: Mapping[str, Player]) -> str:
    player = sounds.get(one.id)
    if player is None:
        return ""
    alt = f"Spectrogram of {one.id}"
    cut = " The beginning only." if player.cut else ""
    reason = f'<div class="reason">{escape(label)}</div>' if label else ""
    return (
        f'<li>{reason}<img src="{player.picture}" alt="{escape(alt)}">'
        f'<audio controls preload="none" src="{player.sound}"></audio>'
        f'<div class="text">{escape(one.clip.text or one.clip.row.text[:300])}</div>'
        f"<small>{escape(one.source)}{_time(one.clip.start_s, one.clip.end_s)}{cut}<br>id"
        f" <code>{escape(one.id)}</code></small></li>"
    )


def _clips(items: Iterable[str]) -> str:
    found = "".join(items)
    return f'<ul class="clips">{found}</ul>' if found else ""


def _time(start_s: float, end_s: float) -> str:
    return f" <span class='dim'>{start_s:.2f}–{end_s:.2f} s</span>" if end_s > start_s else ""


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML; a column whose name begins with # holds numbers."""
    style = ['class="number"' if name.startswith("#") else "" for name in columns]
    head = "".join(
        f'<th scope="col" {kind}>{escape(name.lstrip("#"))}</th>'
        for name, kind in zip(columns, style, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td {k}>{c}</td>" for c, k in zip(row, style, strict=True)) + "</tr>"
        for row in rows
    )
    inner = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll"><table>{inner}</table></div>'
