import io
import json

import pytest

from mpsaudit.findings import Finding
from mpsaudit.worker import Lines, resolve
from tests.mpsaudit import strict_targets


def test_a_target_is_a_function_or_a_workload():
    assert resolve("tests.mpsaudit.strict_targets:istft") is strict_targets.istft
    assert resolve("tests.mpsaudit.strict_targets:a.linear").description == "one product"
    assert resolve("os:path.join")("a", "b")


@pytest.mark.parametrize("target", ["no_such_module:x", "tests.mpsaudit.strict_targets:nothing"])
def test_an_unknown_target_is_named(target):
    with pytest.raises(LookupError, match=r"no_such_module|nothing"):
        resolve(target)


def test_the_same_finding_is_one_line_with_a_count():
    file = io.StringIO()
    lines = Lines(file)
    for place in ("a.py:1 in f", "a.py:2 in f", "a.py:1 in f"):
        lines.record(Finding("aten::mode", "error", "no kernel", shapes=((2, 3),), place=place))
    lines.finish({"aten::mode"})
    first, second, last = map(json.loads, file.getvalue().splitlines())
    assert [x["finding"]["place"] for x in (first, second)] == ["a.py:1 in f", "a.py:2 in f"]
    assert last == {"counts": [2, 1], "operators": ["aten::mode"]}
