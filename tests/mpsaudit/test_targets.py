"""How work is named, and what is said about names that lead nowhere."""

import pytest
import torch

from mpsaudit.errors import UsageError
from mpsaudit.targets import importable_name, resolve
from tests.mpsaudit import cases, strict_targets


def test_a_target_is_a_function_or_a_workload():
    assert resolve("tests.mpsaudit.strict_targets:istft", "cpu") is strict_targets.istft
    assert resolve("tests.mpsaudit.cases:NAMED.istft", "cpu") is cases.CASES["istft"]
    assert resolve("tests.mpsaudit.strict_targets:a.linear", "cpu")().shape == (2, 4)
    assert resolve("os:path.join", "cpu")("a", "b")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nonsense", "module:callable"),
        (":f", "module:callable"),
        ("no_such_module:x", "no_such_module"),
        ("tests.mpsaudit.strict_targets:nothing", "nothing"),
        ("math:pi", "not callable"),
    ],
)
def test_names_that_lead_nowhere(target, words):
    with pytest.raises(UsageError, match=words):
        resolve(target, "cpu")


def work():
    return torch.ones(1)


def test_another_process_must_be_able_to_import_it():
    assert importable_name(work) == "tests.mpsaudit.test_targets:work"
    assert importable_name("a:b") == "a:b"
    for lost in (lambda: None, torch.nn.ReLU().forward):
        with pytest.raises(UsageError):
            importable_name(lost)
