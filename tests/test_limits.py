from __future__ import annotations

from typing import Any

import pytest

from vivavoce.errors import BadCheckpoint, ConfigError, UnsafeCheckpoint
from vivavoce.limits import Budget, Limits, describe, guard, read_bytes


def raising(failure: BaseException, **options: Any) -> None:
    with guard("x.pth", **options):
        raise failure


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyError("a"), "KeyError: 'a'"),
        (RecursionError(), "nested too deeply"),
        (MemoryError(), "memory"),
        (ValueError("x" * 5000), "ValueError: x"),
        (OverflowError(), "OverflowError"),
    ],
)
def test_any_failure_becomes_typed_with_its_cause(error, reason):
    with pytest.raises(BadCheckpoint, match=reason) as found:
        raising(error)
    assert found.value.__cause__ is error
    assert found.value.message.startswith("x.pth cannot be read")
    assert len(str(found.value)) < 500
    with pytest.raises(ConfigError, match="Correct it"):
        raising(error, error=ConfigError, advice="Correct it.")


def test_typed_errors_keep_their_type_and_gain_the_path():
    with pytest.raises(UnsafeCheckpoint, match=r"^x\.pth: It runs\. Do not\.$"):
        raising(UnsafeCheckpoint("It runs.", "Do not."))
    with pytest.raises(BadCheckpoint, match=r"^x\.pth is bad\.$"):
        raising(BadCheckpoint("x.pth is bad."))
    with pytest.raises(BadCheckpoint, match="Check the path"):
        raising(FileNotFoundError(2, "No such file"))
    with pytest.raises(KeyboardInterrupt):
        raising(KeyboardInterrupt())


def test_a_budget_is_spent_once():
    budget = Budget(Limits(objects=10, bytes=10))
    budget.spend(10, 10)
    with pytest.raises(BadCheckpoint, match="raise the limits"):
        budget.spend(1)
    with pytest.raises(BadCheckpoint, match="10 bytes"):
        Budget(Limits(bytes=10)).spend(0, 11)
    with pytest.raises(BadCheckpoint, match="3 levels"):
        Budget(Limits(depth=3)).check_depth(4)
    assert Limits(objects=10).times(2.5) == Limits(objects=25, bytes=160 << 20, seconds=150)


def test_small_files_are_small(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    assert read_bytes(tmp_path / "x", Limits(bytes=5)) == b"12345"
    with pytest.raises(BadCheckpoint, match="4 bytes"):
        read_bytes(tmp_path / "x", Limits(bytes=4))


LARGE = {"text": "x" * 10**6, "number": 10**10_000, "list": [[]] * 10**6, "table": {"a": 1}}


@pytest.mark.parametrize("kind", LARGE)
def test_any_value_is_described_in_few_words(kind):
    assert len(describe(LARGE[kind])) < 80
