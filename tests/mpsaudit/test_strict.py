import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mpsaudit import portable, strict
from mpsaudit.errors import AuditError, UsageError
from mpsaudit.operator_table import load
from tests.mpsaudit import strict_targets
from tests.mpsaudit.cases import CASES, EXPECTED, OPERATORS
from tests.mpsaudit.traces import TARGETS, Traces, started

# Where the strict engine says something else than the portable one: see docs/audit.md.
DIFFERENT = {}


@pytest.fixture(scope="module")
def run(library):
    with started() as process:
        yield Traces(process)


def in_a_new_process(name, macos=("15.5",), **options):
    return strict.trace(f"{TARGETS}:{name}", load(), macos, **options)


def by_operator(findings):
    return {f.operator: f for f in findings if f.severity != "info"}


@pytest.mark.usefixtures("library")
class TestTrace:
    def test_istft_with_the_table_of_2_3_1_lacks_unfold_backward(self, run):
        findings, operators = run("istft", table="2.3.1")
        found = by_operator(findings)["aten::unfold_backward"]
        assert found.severity == "error"
        assert "not currently implemented for the MPS device" in found.reason
        assert found.place.endswith("in istft")
        assert "strict_targets.py" in found.place
        assert "aten::unfold_backward" in operators

    def test_a_long_convolution_is_refused_before_macos_15_1_only(self):
        findings, operators = in_a_new_process("long_convolution", ("15.5", "14.4"))
        errors = [f for f in findings if f.severity == "error"]
        assert {f.macos for f in errors} == {("14.4",)}
        assert all("Output channels > 65536" in f.reason for f in errors)
        assert any("long_convolution" in f.place and not f.backward for f in errors)
        assert "aten::convolution_backward" in operators

    def test_one_run_finds_everything(self, run):
        findings, _ = run("silent_and_missing")
        found = by_operator(findings)
        assert found["aten::linalg_svd"].severity == "silent-cpu"
        assert found["aten::mode"].shapes == ((3, 3),)
        assert found["aten::mode"].dtypes == ("float32",)
        assert found["aten::mode"].place.endswith("in silent_and_missing")
        assert any(f.severity == "info" and "waits" in f.reason for f in findings)
        assert "Placeholder storage" in found["aten::dot"].reason

    def test_a_default_device(self, run):
        findings, _ = run("on_the_default_device", default_device=True)
        assert "aten::mode" in by_operator(findings)

    def test_a_workload_is_built_for_the_device(self, run):
        findings, operators = run("a.linear")
        assert findings == []
        assert "aten::linear" in operators

    def test_two_threads_at_once_are_found_and_a_lock_is_respected(self, run):
        (finding,) = [f for f in run("two_threads")[0] if f.severity == "error"]
        assert "#197805" in finding.reason
        assert finding.place.endswith("in steps")
        assert run("two_threads_with_a_lock")[0] == []

    def test_both_engines_find_the_wrong_numbers_of_torch_2_8(self, run):
        strictly, _ = run("wrong_numbers", "26.1", "2.8.0", default_device=True)
        portably, _ = portable.trace(strict_targets.wrong_numbers, load("2.8.0"), ("26.1",))
        reports = ["#184180", "#182285", "#174861", "#195910", "#162730", "#180776"]
        for findings in (strictly, portably):
            wrong = [f.reason for f in findings if f.severity == "wrong-number"]
            assert len(wrong) == len(reports)
            assert all(any(report in reason for reason in wrong) for report in reports)

    def test_a_default_device_is_that_of_every_thread(self, run):
        findings, operators = run("two_threads_without_a_device", default_device=True)
        assert "aten::mm" in operators
        assert any("#197805" in f.reason for f in findings)

    def test_a_fork_does_no_harm(self):
        assert in_a_new_process("forking")[0] == []

    def test_a_failure_of_the_target_s_own_is_a_sentence(self, run):
        words = r"failed: ValueError: nothing to do with devices at .*in failing"
        with pytest.raises(AuditError, match=words):
            run("failing")

    @pytest.mark.parametrize(
        ("name", "options", "words"),
        [
            ("dying", {}, r"ended by SIGSEGV.*so far: 1"),
            ("endless", {"timeout_s": 0.5}, "did not finish in time"),
        ],
    )
    def test_a_process_that_does_not_end_well_is_a_sentence(self, name, options, words):
        with pytest.raises(AuditError, match=words):
            in_a_new_process(name, **options)


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ({"unknown": "m has no 'f'."}, UsageError, "m has no 'f'.*module:callable"),
        ({"failure": "AssertionError: not compiled with CUDA", "place": ""}, AuditError, "CUDA"),
        ({}, AuditError, "ended with status 3: Killed"),
    ],
)
def test_what_a_child_says_is_passed_on(line, kind, words):
    with pytest.raises(kind, match=words):
        strict.read_lines("m:f", json.dumps(line), 3, "working\nKilled\n")


def test_this_process_keeps_its_torch():
    assert not torch._C._has_mps


def test_work_without_a_name():
    with pytest.raises(UsageError, match="Cannot audit"):
        strict.trace("module.callable", load(), ("15.5",))


@pytest.fixture(scope="module")
def verdicts(library):
    """Every case of cases.py on the stand-in, in one child: worst severity, operators, error."""
    command = [sys.executable, "-m", "tests.mpsaudit.agreement"]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, cwd=root
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", CASES)
def test_the_engines_agree(verdicts, name):
    """test_portable.py holds the portable engine to the same expectations."""
    found = verdicts[name]
    assert found["worst"] == DIFFERENT.get(name, EXPECTED[name]), found
    if OPERATORS[name] and name not in DIFFERENT:
        assert OPERATORS[name] in found["operators"]
