"""Answers for one operator or one error message, from the tables alone."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from itertools import groupby
from pathlib import Path

from mpsaudit.advice import advice
from mpsaudit.errors import UsageError
from mpsaudit.findings import Severity
from mpsaudit.operator_table import Kind, load, versions
from mpsaudit.versions import Span, check_macos, span_in_words, within

MESSAGES = Path(__file__).parent / "data" / "messages.toml"
OPERATOR = re.compile(r"\b\w+::\w+(?:\.\w+)?")
KINDS: dict[Kind, str] = {
    "native": "native kernel",
    "composite": "made of other operators, which `audit` checks",
    "silent": "runs on the CPU, with a warning",
    "missing": "no kernel: raises NotImplementedError",
}
REFUSED: tuple[Kind, ...] = ("missing", "silent")


@dataclass(frozen=True)
class Support:
    """What becomes of an operator from the torch version `first` to `last`."""

    operator: str
    kind: Kind
    first: str
    last: str


@dataclass(frozen=True)
class Limit:
    """A call of the operator that is refused or wrong, with the versions it concerns."""

    operators: tuple[str, ...]
    text: str
    severity: Severity
    torch: Span
    macos: Span
    remedy: str


@dataclass(frozen=True)
class Answer:
    """`meaning` explains a message and `remedies[0]` goes with it; it is empty for an operator."""

    question: str
    meaning: str
    support: tuple[Support, ...]
    limits: tuple[Limit, ...]
    remedies: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def look_up(question: str, torch: str | None = None, macos: Sequence[str] = ()) -> Answer:
    """What the tables say about an operator (`aten::mode`, `mode`) or a pasted error message.

    `torch` and `macos` restrict the answer to those versions. Raises UsageError for a question
    in which no operator and no message of the MPS backend is recognised.
    """
    for version in macos:
        check_macos(version)
    meaning, remedy = _message(question)
    names = list(dict.fromkeys(OPERATOR.findall(question)))
    if not names and not meaning and re.fullmatch(r"\w+(\.\w+)?", question.strip()):
        names = [question.strip()]
    asked = [load(torch).version] if torch else list(versions())
    support = [row for name in names for row in _support(name, asked)]
    limits = tuple(_limits(question, [row.operator for row in support], asked, macos))
    if not (support or limits or meaning):
        raise UsageError(f"No operator or MPS message is recognised in '{question}'.", _near(names))
    remedies = [remedy, *(advice(row.operator) for row in support if row.kind in REFUSED)]
    return Answer(
        question,
        meaning,
        tuple(support),
        limits,
        tuple(dict.fromkeys(text for text in remedies if text)),
    )


def _message(text: str) -> tuple[str, str]:
    for row in _messages():
        if re.search(row["pattern"], text, re.IGNORECASE):
            return row["meaning"], row["remedy"]
    return "", ""


@cache
def _messages() -> list[dict[str, str]]:
    return tomllib.loads(MESSAGES.read_text(encoding="utf-8"))["messages"]


def _support(name: str, asked: Sequence[str]) -> list[Support]:
    """The history of each overload that the name stands for; equal histories are listed once."""
    rows: dict[tuple[tuple[Kind, str, str], ...], str] = {}
    for operator in _overloads(name):
        history: list[tuple[Kind, str, str]] = []
        for version in asked:
            kind, first = load(version).kind(operator), version
            if history and history[-1][0] == kind:
                first = history.pop()[1]
            history.append((kind, first, version))
        rows.setdefault(tuple(history), operator)
    return [Support(operator, *run) for history, operator in rows.items() for run in history]


def _overloads(name: str) -> list[str]:
    """The operator itself if there is one, else its overloads; none if torch has no such name."""
    import torch

    namespace, _, rest = name.rpartition("::")
    base, _, overload = rest.partition(".")
    everywhere = torch._C._dispatch_get_all_op_names()
    tables = {row for version in versions() for row in load(version).native}
    known = {n for n in tables.union(everywhere) if n.startswith(f"{namespace or 'aten'}::")}
    exact = f"{namespace or 'aten'}::{rest}"
    if exact in known:
        return [exact]
    prefix = f"{namespace or 'aten'}::{base}."
    return [] if overload else sorted(n for n in known if n.startswith(prefix) and "out" not in n)


def _limits(
    question: str, operators: Sequence[str], asked: Sequence[str], macos: Sequence[str]
) -> Iterator[Limit]:
    """Rules about those operators, and rules whose message is in the question."""
    from mpsaudit.calls import base_name
    from mpsaudit.rules import FUSED, RULES

    bases, text = {base_name(name) for name in operators}, _squeezed(question)
    if "scaled_dot_product_attention" in bases:
        bases.add(FUSED)
    for rule in RULES:
        quoted = _squeezed(rule.text) in text or (len(text) >= 20 and text in _squeezed(rule.text))
        if rule.severity == "info" or not (quoted or bases.intersection(rule.operators)):
            continue
        if not any(within(version, rule.torch) for version in asked):
            continue
        if macos and not any(within(version, rule.macos) for version in macos):
            continue
        remedy = advice(f"aten::{rule.operators[0]}", rule.text)
        yield Limit(
            rule.operators, rule.text.strip(), rule.severity, rule.torch, rule.macos, remedy
        )


def _squeezed(text: str) -> str:
    return " ".join(text.lower().replace("'", "").replace('"', "").split()).rstrip(". ")


def _near(names: Sequence[str]) -> str:
    known = {name for version in versions() for name in load(version).native}
    close = [
        match
        for name in names
        for match in get_close_matches(name if "::" in name else f"aten::{name}", known, n=2)
    ]
    if close:
        return f"Did you mean {' or '.join(repr(name) for name in close)}?"
    return "Give an operator such as aten::unfold_backward, or the whole message."


def _lines(answer: Answer) -> list[str]:
    remedies, newest = list(answer.remedies), versions()[-1]
    lines = [answer.meaning, remedies.pop(0)] if answer.meaning else []
    for operator, rows in groupby(answer.support, key=lambda row: row.operator):
        lines.append(operator)
        for row in rows:
            span = f"torch {row.first}" + (f" to {row.last}" if row.last != row.first else "")
            span += " (the newest known)" if row.last == newest else ""
            lines.append(f"  {span}: {KINDS[row.kind]}")
    for limit in answer.limits:
        where = f"{span_in_words('torch', limit.torch)}, {span_in_words('macOS', limit.macos)}"
        lines += [f"{limit.severity}: {limit.text}", f"  {where}"]
        lines += [f"  use: {limit.remedy}"] if limit.remedy else []
    return lines + [f"use: {remedy}" for remedy in remedies]
