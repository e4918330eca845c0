"""Clips as values: what a recording was cut to, and how each part measures."""

from __future__ import annotations

import base64
import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from vivavoce.data.measures import ClipMeasures
from vivavoce.data.rows import Defect, SourceRow
from vivavoce.data.stream import MonoSource


@dataclass(frozen=True)
class Clip:
    """From sample `first` to `last` (exclusive) of its row's recording.

    `clipped`: part of the samples at the largest value. `split_text`: the row's text is that of
    the whole recording, and this is only a part of it.
    """

    row: SourceRow
    source: MonoSource
    first: int
    last: int
    lufs: float
    peak_db: float
    clipped: float
    measures: ClipMeasures
    problems: tuple[Defect, ...] = ()
    split_text: bool = False
    text: str = ""
    heard: str = ""
    key: str = ""
    """Names this part of this recording: changes with the file's bytes and the span."""

    @property
    def seconds(self) -> float:
        return (self.last - self.first) / self.source.sample_rate

    @property
    def start_s(self) -> float:
        return self.first / self.source.sample_rate

    @property
    def end_s(self) -> float:
        return self.last / self.source.sample_rate

    def with_problem(self, *problems: Defect) -> Clip:
        return replace(self, problems=(*self.problems, *problems))

    @property
    def rejection(self) -> Defect | None:
        return next((p for p in self.problems if p.severity == "reject"), None)

    @property
    def usable(self) -> bool:
        return self.rejection is None


def to_plain(clip: Clip) -> dict[str, Any]:
    """What of a clip is kept in the journal: all that its samples decide."""
    measures = asdict(clip.measures)
    measures["outline"] = base64.b85encode(clip.measures.outline).decode()
    measures["colour"] = [round(value, 2) for value in clip.measures.colour]
    plain = {name: getattr(clip, name) for name in _KEPT}
    plain["lufs"] = clip.lufs if math.isfinite(clip.lufs) else -120.0
    plain["peak_db"] = clip.peak_db if math.isfinite(clip.peak_db) else -120.0
    return {**plain, "measures": measures, "problems": [asdict(p) for p in clip.problems]}


def from_plain(plain: dict[str, Any], row: SourceRow, source: MonoSource) -> Clip:
    """Raises KeyError, TypeError, ValueError for what this version did not write."""
    given = dict(plain["measures"])
    given["outline"] = base64.b85decode(given["outline"])
    given["colour"] = tuple(given["colour"])
    return Clip(
        row=row,
        source=source,
        measures=ClipMeasures(**{f.name: given[f.name] for f in fields(ClipMeasures)}),
        problems=tuple(Defect(**one) for one in plain["problems"]),
        **{name: plain[name] for name in _KEPT},
    )


_KEPT = ("first", "last", "lufs", "peak_db", "clipped", "split_text", "key")
