"""Scores of sentences -> the numbers of a report, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from vivavoce.text.distance import Counts

DRAWS = 1000
"""Of the bootstrap, over sentences, with a fixed seed."""

ALOUD = 0.5
"""Sentences with more errors than this share are counted: they were not said."""

WARM_UP = 3
"""The first sentences of a seed are not in the real-time factor: a device warms up."""


@dataclass(frozen=True)
class Scored:
    """A sentence, what was heard, and its scores. `failure` says why there is no audio."""

    id: str
    seed: int
    text: str
    heard: str = ""
    words: Counts = field(default_factory=Counts)
    characters: Counts = field(default_factory=Counts)
    scores: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    made_s: float = 0.0
    audio: str = ""
    prompt: str = ""
    failure: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As plain data, with the rates."""
        return asdict(self) | {"wer": self.words.rate, "cer": self.characters.rate}


@dataclass(frozen=True)
class Metric:
    """`low` and `high` bound 95 % of the bootstrap; `value` None has its `reason`."""

    value: float | None
    low: float | None = None
    high: float | None = None
    count: int = 0
    reason: str = ""


def metrics(items: Sequence[Scored], aggregate: str, absent: dict[str, str]) -> dict[str, Metric]:
    """By name. `aggregate` is `mean` (over sentences) or `corpus`; `absent` are reasons by name."""
    found = {
        "wer": _errors([item.words for item in items], aggregate),
        "cer": _errors([item.characters for item in items], aggregate),
        "wer_mean": _errors([item.words for item in items], "mean"),
        "above_half": _mean([float(item.words.rate > ALOUD) for item in items]),
        "failed": Metric(float(sum(bool(item.failure) for item in items)), count=len(items)),
        "rtf": _factor(items),
    }
    for name in sorted({name for item in items for name in item.scores}):
        found[name] = _mean([item.scores[name] for item in items if name in item.scores])
    for name, reason in absent.items():
        found.setdefault(name, Metric(None, reason=reason))
    return found


def _errors(counts: Sequence[Counts], aggregate: str) -> Metric:
    if aggregate == "mean":
        return _mean([each.rate for each in counts])
    errors = np.array([each.errors for each in counts], np.float64)
    lengths = np.array([each.length for each in counts], np.float64)
    total = max(1.0, lengths.sum())
    drawn = _drawn(len(counts))
    rates = errors[drawn].sum(axis=1) / np.maximum(1.0, lengths[drawn].sum(axis=1))
    return Metric(float(errors.sum() / total), *_interval(rates), count=len(counts))


def _mean(values: Sequence[float]) -> Metric:
    if not values:
        return Metric(None, reason="nothing was scored")
    given = np.array(values, np.float64)
    means = given[_drawn(len(given))].mean(axis=1)
    return Metric(float(given.mean()), *_interval(means), count=len(given))


def _factor(items: Sequence[Scored]) -> Metric:
    """Seconds of work for a second of audio."""
    by_seed: dict[int, list[Scored]] = {}
    for item in items:
        if item.made_s and item.seconds:
            by_seed.setdefault(item.seed, []).append(item)
    counted = [item for each in by_seed.values() for item in each[WARM_UP:]]
    if not counted:
        return Metric(None, reason=f"at most {WARM_UP} sentences were spoken here")
    spent, heard = sum(i.made_s for i in counted), sum(i.seconds for i in counted)
    return Metric(spent / heard, count=len(counted))


def paired(new: Sequence[Scored], old: dict[str, float], metric: str) -> Metric:
    """The difference to a baseline over the sentences that both have, by `id/seed`."""
    rates = {f"{i.id}/{i.seed}": value_of(i, metric) for i in new}
    both = [name for name, value in rates.items() if value is not None and name in old]
    return _mean([float(rates[name] or 0.0) - old[name] for name in both])


def value_of(item: Scored, metric: str) -> float | None:
    """A sentence's own value."""
    if metric in ("wer", "cer"):
        return (item.words if metric == "wer" else item.characters).rate
    return item.scores.get(metric)


def _drawn(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, count, (DRAWS, count))


def _interval(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)
