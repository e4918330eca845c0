"""Conditions under which an evaluation fails: `wer>0.03`, `sim.lo<0.6`, `wer>baseline+0.005`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vivavoce.errors import UsageError, near_misses
from vivavoce.evaluate.results import Metric

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_FORM = re.compile(
    rf"\s*([a-z_]+)(?:\.(lo|hi|[0-9]+))?\s*(<=|>=|<|>)\s*"
    rf"(?:(-?{_NUMBER})|baseline\s*(?:([+-])\s*({_NUMBER}))?)\s*"
)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}

HEARD = ("wer", "cer", "wer_mean", "above_half")
"""Metrics that only a recogniser gives."""

Metrics = Mapping[str, Metric]


@dataclass(frozen=True)
class Condition:
    """`metric.part op limit`: the part is an end of the interval, or a seed. With `relative` the
    limit is added to the baseline's value.
    """

    text: str
    metric: str
    part: str
    op: str
    limit: float
    relative: bool

    @staticmethod
    def parse(text: str) -> Condition:
        """Raises UsageError."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise UsageError(
                f"'{text}' is not a condition.", "Write for example wer>0.03 or wer>baseline+0.005."
            )
        metric, part, op, number, sign, by = found.groups()
        limit = float(number) if number else float(f"{sign or '+'}{by or 0}")
        return Condition(text, metric, part or "", op, limit, number is None)

    def require(self, listens: bool, compares: bool) -> None:
        """Raises UsageError, before hours of work, for what will not be known after them:
        without a recogniser word errors, without a baseline differences to one.
        """
        if self.metric in HEARD and not listens:
            raise UsageError(f"'{self.text}' needs a recogniser.", "Give one with --recogniser.")
        if self.relative and not compares:
            raise UsageError(f"'{self.text}' needs a baseline.", "Give one with --against.")

    def fails(
        self, now: Metrics, seeds: Mapping[int, Metrics], baseline: Metrics | None
    ) -> str | None:
        """What is the matter, where the condition holds. Raises UsageError for what is unknown."""
        value = self._value(now, seeds)
        limit = self.limit
        if self.relative:
            if baseline is None:
                raise UsageError(f"'{self.text}' needs a baseline.", "Give one with --against.")
            limit += self._known(baseline)
        if not _COMPARE[self.op](value, limit):
            return None
        return f"{self.text}: {value:.4f} against {limit:.4f}"

    def _value(self, now: Metrics, seeds: Mapping[int, Metrics]) -> float:
        if self.part in ("lo", "hi"):
            metric = self._metric(now)
            end = metric.low if self.part == "lo" else metric.high
            if end is None:
                raise UsageError(f"'{self.text}': {self.metric} has no interval.")
            return end
        if self.part:
            if int(self.part) not in seeds:
                raise UsageError(f"'{self.text}': there is no seed {self.part}.")
            return self._known(seeds[int(self.part)])
        return self._known(now)

    def _metric(self, table: Metrics) -> Metric:
        if self.metric not in table:
            raise UsageError(
                f"'{self.text}': there is no metric '{self.metric}'.",
                near_misses(self.metric, table),
            )
        return table[self.metric]

    def _known(self, table: Metrics) -> float:
        metric = self._metric(table)
        if metric.value is None:
            raise UsageError(f"'{self.text}': {self.metric} was not measured: {metric.reason}.")
        return metric.value
