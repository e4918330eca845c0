"""The portable engine: verdicts on the shared cases, places, counts, and what it refuses."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from mpsaudit import audit
from mpsaudit.operator_table import load
from mpsaudit.portable import trace
from tests.mpsaudit import cases

NOW = "2.13.0"


def found(call, torch_version=NOW, macos=("15.5", "14.4")):
    return trace(call, load(torch_version), macos)[0]


def above(call, *arguments):
    return [f for f in found(call, *arguments) if f.severity != "info"]


def operators(findings):
    return {f.operator.removeprefix("aten::").split(".")[0] for f in findings}


def hifigan_like(seconds: float):
    """The shape of one: 256 x upsampling of mel frames at 24 kHz, few channels."""
    layers = [nn.Conv1d(8, 8, 7, padding=3)]
    for rate in (8, 8, 2, 2):
        layers += [nn.LeakyReLU(0.1), nn.ConvTranspose1d(8, 8, 2 * rate, rate, rate // 2)]
        layers += [nn.Conv1d(8, 8, 3, padding=1)]
    net = nn.Sequential(*layers, nn.Conv1d(8, 1, 7, padding=3), nn.Tanh())
    mel = torch.randn(1, 8, round(seconds * 24_000 / 256))
    return torch.no_grad()(lambda: net(mel))


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("name", cases.CASES)
def test_cases(name):
    expected = cases.EXPECTED[name]
    torch.manual_seed(0)
    # Severities are those of 15.5; the suite as a whole must not differ on 14.4 but in one case.
    worst = above(cases.CASES[name], NOW, ("15.5",))
    assert [f.severity for f in worst][:1] == ([expected] if expected else []), worst
    if expected and (operator := cases.OPERATORS[name]):
        assert operator in operators(worst)


def test_there_are_enough_cases():
    assert len(cases.CASES) >= 60
    assert sum(name.endswith("_backward") for name in cases.CASES) >= 30


def test_istft_before_its_kernel_existed():
    def invert():
        spectrum = torch.randn(1, 33, 9, dtype=torch.complex64)
        return torch.istft(spectrum, 64, 16, window=torch.hann_window(64))

    old = above(invert, "2.3.1")
    assert "unfold_backward" in operators(old)
    hit = next(f for f in old if "unfold_backward" in f.operator)
    assert "test_portable.py" in hit.place
    assert "torch.fft.irfft" in hit.advice
    assert above(invert) == []


def test_the_length_limit_of_convolutions():
    findings = above(hifigan_like(3.2))
    assert {f.macos for f in findings} == {("14.4",)}
    assert {f.reason for f in findings} == {
        "Output channels > 65536 not supported at the MPS device. "
    }
    assert max(max(shape) for f in findings for shape in f.shapes) > 65_536
    assert above(hifigan_like(2.5)) == []
    assert above(hifigan_like(3.2), NOW, ("15.5",)) == []


def test_numbers_are_those_of_the_plain_run():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 2))
    x, results = torch.randn(3, 4), []
    expected = net(x)
    trace(lambda: results.append(net(x)), load(NOW), ("15.5",))
    assert torch.equal(results[0], expected)


def test_findings_are_merged_by_line_and_counted():
    def work():
        for _ in range(3):
            torch.logspace(0, 1, 5)
        torch.logspace(0, 1, 5)

    first, second = sorted(above(work), key=lambda f: f.place)
    assert (first.count, second.count) == (3, 1)
    assert first.place != second.place
    assert first.place.endswith("in work")


def test_backward_names_the_forward_line():
    x = torch.randn(3, 4, requires_grad=True)

    def forward():
        return x.take(torch.tensor([1, 2])).sum()

    def work():
        forward().backward()

    backward = [f for f in above(work) if f.backward]
    assert backward
    assert all(f.place.endswith("in forward") for f in backward)


def test_a_python_function_s_own_backward_is_the_place():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 3 * x**2 * torch.logspace(0, 0, 3)

    x = torch.randn(3, requires_grad=True)
    (finding,) = above(lambda: Cube.apply(x).sum().backward())
    assert finding.backward
    assert finding.place.endswith("in backward")


def test_syncs_are_information():
    findings = found(lambda: torch.randn(5).sum().item())
    assert [(f.severity, f.operator) for f in findings] == [("info", "aten::_local_scalar_dense")]
    assert found(lambda: torch.randn(4, 4).sum()) == []


def test_the_compiler_is_not_imported():
    """It would cost seconds before the first finding."""
    import subprocess

    code = (
        "import sys, torch\nfrom mpsaudit import audit\n"
        "assert audit(lambda: torch.logspace(0, 1, 3)).findings\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_operators_of_other_libraries():
    library = torch.library.Library("audit_test", "FRAGMENT")
    try:
        library.define("double(Tensor x) -> Tensor")
        library.impl("double", lambda x: x * 2, "CPU")
        library.define("slow(Tensor x) -> Tensor")
        library.impl("slow", lambda x: torch.logspace(0, 1, 3) * x, "CompositeExplicitAutograd")
        (unknown,) = above(lambda: torch.ops.audit_test.double(torch.ones(3)))
        assert "its authors" in unknown.reason
        assert operators(above(lambda: torch.ops.audit_test.slow(torch.ones(3)))) == {"logspace"}
    finally:
        library._destroy()


def test_audit_states_its_assumptions():
    report = audit(lambda: torch.ones(3).sum(), macos=("15.5",), inputs="three ones")
    assert (report.engine, report.macos, report.inputs) == ("portable", ("15.5",), "three ones")
    assert report.operators >= 2
    assert report.clean
