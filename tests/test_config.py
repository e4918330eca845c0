"""Strict reading: everything that does not fit is named with its path."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from vivavoce import config
from vivavoce.errors import ConfigError


@dataclass(frozen=True)
class Inner:
    width: int = 4
    kernels: tuple[int, ...] = (3, 5)
    pair: tuple[float, float] = (0.9, 0.98)

    def __post_init__(self):
        if self.width < 1:
            raise ValueError("width must be at least 1")


@dataclass(frozen=True)
class Outer:
    name: str
    kind: Literal["mel", "linear"] = "mel"
    rate: float = 1.0
    limit: int | None = None
    path: Path = Path()
    strict: bool = False
    inner: Inner = field(default_factory=Inner)
    rows: tuple[Inner, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


FULL = {
    "name": 'ä "quoted" \\ \n line',
    "kind": "linear",
    "rate": 1e-05,
    "limit": 3,
    "path": "a/b",
    "strict": True,
    "inner": {"width": 8, "kernels": [7], "pair": [0.5, 1.0]},
    "rows": [{"width": 1}, {"width": 2}],
    "extra": {"any key": [1, "two", {"three": 3}], "table": {"deep": {"x": 1}}},
}


def test_plain_data_comes_back_as_it_was():
    built = config.from_dict(Outer, FULL)
    assert built.inner == Inner(8, (7,), (0.5, 1.0))
    assert built.path == Path("a/b")
    again = tomllib.loads(config.dumps(config.to_dict(built)))
    assert config.from_dict(Outer, again) == built


def test_whole_numbers_are_floats_where_floats_are_wanted():
    rate = config.from_dict(Outer, {"name": "a", "rate": 2}).rate
    assert rate == 2.0
    assert isinstance(rate, float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nam": "x"}, r"Unknown key 'nam' in Outer. Did you mean 'name'\?"),
        ({"inner": {"widht": 3}}, r"'inner.widht'.*'width'"),
        ({"rows": [{"width": 1}, {"wide": 2}]}, r"'rows\[1\].wide'"),
        ({"kind": "mell"}, "'kind' is 'mell'.*'mel'"),
        ({"rate": "fast"}, "'rate' is 'fast'; it must be of type float"),
        ({"limit": True}, "'limit' is True"),
        ({"inner": {"pair": [1.0]}}, "'inner.pair' must have 2 entries, it has 1"),
        ({"inner": {"kernels": 3}}, "'inner.kernels' is 3; it must be a list"),
        ({"inner": {"width": 0}}, "inner: width must be at least 1"),
        ({"inner": 3}, "inner: expected a table"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ConfigError, match=message):
        config.from_dict(Outer, {"name": "a"} | change)


def test_a_missing_key_is_named():
    with pytest.raises(ConfigError, match="Missing key 'name' in Outer"):
        config.from_dict(Outer, {})


def test_overrides_reach_into_tables_and_leave_the_original():
    data = {"name": "a", "inner": {"width": 1}}
    changed = config.apply_overrides(data, ["inner.width=3", "rate = 1e-4", "kind=linear"])
    assert changed == {"name": "a", "inner": {"width": 3}, "rate": 1e-4, "kind": "linear"}
    assert data["inner"] == {"width": 1}


@pytest.mark.parametrize("override", ["width", "=3", "name.deep=3"])
def test_an_override_that_is_none_is_refused(override):
    with pytest.raises(ConfigError):
        config.apply_overrides({"name": "a"}, [override])


def test_files_are_read_by_their_suffix(tmp_path):
    (tmp_path / "a.toml").write_text('name = "a"', encoding="utf-8")
    (tmp_path / "a.json").write_text('{"name": "a"}', encoding="utf-8")
    for name in ("a.toml", "a.json"):
        assert config.load(Outer, tmp_path / name, ["rate=2"]) == Outer("a", rate=2.0)


@pytest.mark.parametrize(
    ("name", "text"), [("a.toml", "name = "), ("a.json", "{"), ("b.toml", None)]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, text):
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=name):
        config.read(tmp_path / name)
