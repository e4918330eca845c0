"""A device that is wrong, fails, or leaves work to the CPU is noticed; played by the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mpsaudit import standin_build
from mpsaudit.errors import StandInUnavailable
from vivavoce.converters import CONVERTERS
from vivavoce.diagnose import selftest
from vivavoce.diagnose.selftest import difference, self_test, tensors
from vivavoce.errors import OutputError
from vivavoce.hub import library
from vivavoce.hub import paths as cache
from vivavoce.models import MODELS
from vivavoce.runtime import Selection, placement
from vivavoce.types import Features, FeatureSpec, Workload
from vivavoce.vocoders import VOCODERS

MPS = torch.device("mps")
BUILT = selftest.built


class Gpu:
    """`change` is done to every tensor of what the work gives there; the CPU does the work."""

    def __init__(self):
        self.change = lambda x: x
        self.run = lambda run: run()
        self.full: list[tuple[str, str]] = []
        self.on_gpu = False

    def built(self, work, device, full=False):
        if full:
            self.full.append((work.name, device.type))
        run = BUILT(work, torch.device("cpu"))
        if device.type == "cpu":
            return run

        def there():
            self.on_gpu = True
            try:
                return [self.change(x) for x in tensors(self.run(run))]
            finally:
                self.on_gpu = False

        return there


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    found = Gpu()
    monkeypatch.setattr(selftest, "built", found.built)
    chosen = Selection(MPS, torch.float32, "MPS found")
    monkeypatch.setattr("vivavoce.runtime.select", lambda name: chosen)
    monkeypatch.setattr("vivavoce.runtime.synchronise", lambda device: None)
    return found


@pytest.fixture
def small(monkeypatch):
    """One vocoder's typical and shortest work, of which no weights are here."""
    works = {f"vocos.{n}": VOCODERS.workloads()[f"vocos.{n}"] for n in ("shortest", "typical")}
    monkeypatch.setattr(VOCODERS, "workloads", lambda: works)
    for table in (MODELS, CONVERTERS):
        monkeypatch.setattr(table, "workloads", dict)
    monkeypatch.setattr(library, "installed", list)
    return works


def where(asked="auto"):
    found = placement.place(
        "vocoder.vocos", asked, Selection(MPS, torch.float32, "MPS found"), cache.folder()
    )
    return found.device.type, found.reason


def test_with_a_cpu_only_there_is_nothing_to_compare(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    assert "no device" in self_test("cpu")["note"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small")
def test_a_device_that_agrees_is_right_and_keeps_its_work(gpu):
    (row,) = self_test()["stages"]
    assert row["stage"] == "vocoder.vocos"
    assert (row["right"], row["error"], row["tolerance"]) == (True, 0.0, 1e-4)
    assert (row["cpu_s"], row["gain"], gpu.full) == (None, None, [])
    assert row["differences"] == {"vocos.shortest": 0.0, "vocos.typical": 0.0}
    assert where() == ("mps", "MPS found")


@pytest.mark.usefixtures("small")
def test_what_is_here_is_timed_at_its_official_size(gpu, monkeypatch):
    here = library.Row(name="a", kind="vocoder", family="vocos", installed=True)
    monkeypatch.setattr(library, "installed", lambda: [here, replace(here, family="hifigan")])
    clock = iter([0, 4, 4, 8, 20, 21, 21, 22, 22, 23, 23, 24])  # the first run warms up
    monkeypatch.setattr(selftest.time, "perf_counter", lambda: next(clock))
    (row,) = self_test()["stages"]
    assert gpu.full == [("vocos.typical", "cpu"), ("vocos.typical", "mps")]
    assert (row["cpu_s"], row["device_s"], row["gain"]) == (4, 1, 4.0)
    assert where()[1].endswith("vocoder on mps: measured 4.0 times faster than on the cpu")


@pytest.mark.usefixtures("small")
def test_wrong_numbers_make_auto_leave_the_device(gpu):
    gpu.change = lambda x: x + 0.3 * x.abs().max() * (torch.arange(x.shape[-1]) == 7)
    (row,) = self_test()["stages"]
    assert not row["right"]
    assert row["error"] > 0.01
    device, reason = where()
    assert device == "cpu"
    assert "mps gave wrong numbers in the self-test" in reason
    assert where("mps")[0] == "mps"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x * float("nan"), "vocos.shortest: NaN or infinite numbers"),
        (lambda x: x[..., :-1], "vocos.shortest: results of other lengths than on the CPU"),
        (lambda x: torch.linalg.inv(x), "vocos.shortest: linalg.inv"),
    ],
)
def test_a_device_that_fails_is_left_too(gpu, change, said):
    gpu.change = change
    (row,) = self_test()["stages"]
    assert not row["right"]
    assert row["failure"].startswith(said)
    assert where() == (
        "cpu",
        f"MPS found; vocoder on cpu: mps failed the self-test ({row['failure']})",
    )


@pytest.mark.usefixtures("small")
def test_work_that_leaves_the_device_is_a_failure(gpu):
    def change(x):
        text = "The operator 'aten::x' is not supported and will fall back to run on the CPU."
        warnings.warn(text, stacklevel=1)
        return x

    gpu.change = change
    assert "aten::x" in self_test()["stages"][0]["failure"]


@pytest.mark.usefixtures("small")
def test_a_stage_that_ends_the_process_is_remembered(gpu):
    def die(x):
        device, reason = where()
        assert (device, "the process ended" in reason) == ("cpu", True)
        raise KeyboardInterrupt

    gpu.change = die
    with pytest.raises(KeyboardInterrupt):
        self_test()
    assert where() == ("mps", "MPS found")  # stopped by hand: nothing was found out


@pytest.mark.usefixtures("small", "gpu")
def test_a_result_that_cannot_be_kept_is_said_before_the_work(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError):
        self_test()


class Wrong(TorchDispatchMode):
    """One operator's results are a tenth too large at every third place."""

    def __init__(self, operator):
        super().__init__()
        self.operator = operator

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if str(func) == f"aten.{self.operator}":
            result.mul_(1 + 0.1 * (torch.arange(result.shape[-1]) % 3 == 0))
        return result


@pytest.mark.parametrize(
    ("name", "operator"),
    [
        ("vocos.shortest", "gelu.default"),
        ("vocos.shortest", "fft_irfft.default"),
        ("hifigan.shortest", "conv_transpose2d.input"),
        ("bigvgan.shortest", "sin_.default"),
        ("glow.shortest", "bmm.default"),
        ("f5.shortest", "scaled_dot_product_attention.default"),
        ("f5.shortest", "silu.default"),
        ("xtts.shortest", "scaled_dot_product_attention.default"),
        ("xtts.shortest", "gelu.default"),
        ("xtts.typical", "cumsum.default"),
    ],
)
def test_one_wrong_kernel_is_caught(gpu, monkeypatch, name, operator):
    work = (MODELS.workloads() | VOCODERS.workloads())[name]
    monkeypatch.setattr(selftest, "_stages", lambda: {"vocoder.vocos": [work]})
    monkeypatch.setattr(library, "installed", list)

    def wrong(run):
        with Wrong(operator):
            return run()

    gpu.run = wrong
    (row,) = self_test()["stages"]
    assert row["error"] > row["tolerance"], row
    assert where()[0] == "cpu"


def test_every_family_is_compared_and_nothing_but_training_left_out(gpu, monkeypatch):
    monkeypatch.setattr(library, "installed", list)
    seen = set()

    def change(work, device, full=False):
        seen.add(work.name)
        return lambda: torch.zeros(1)

    monkeypatch.setattr(selftest, "built", change)
    steps = []
    report = self_test(on_progress=lambda done, total, note: steps.append((done, total)))
    tables = MODELS, VOCODERS, CONVERTERS
    everything = {name for table in tables for name in table.workloads()}
    assert everything - seen == {n for n in everything if ".training" in n}
    assert len(report["stages"]) == sum(len(table.folders) for table in tables)
    assert steps[-1] == (len(seen), len(seen))
    assert report["machine"].startswith("mps | torch")
    json.dumps(report, allow_nan=False)


@pytest.mark.parametrize(
    ("times", "said"),
    [(1.9, ""), (2.5, "f5.bfloat16 on mps is 2.5 times as wrong as on the CPU")],
)
def test_a_lower_format_is_judged_by_its_distance_to_float32(gpu, monkeypatch, times, said):
    """What is wrong with it alone is said, and leaves the stage where it is."""
    exact, lower = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.02])
    there = exact + times * (lower - exact)

    def lower_work(device, full=False):
        return lambda: there if gpu.on_gpu else lower

    work = Workload("f5.bfloat16", "", lower_work, lambda device, full=False: lambda: exact)
    plain = Workload("f5.typical", "", lambda device, full=False: lambda: exact)
    monkeypatch.setattr(selftest, "_stages", lambda: {"vocoder.vocos": [work, plain]})
    monkeypatch.setattr(library, "installed", list)
    (row,) = self_test()["stages"]
    assert (row["right"], row["lower_fault"]) == (True, said)
    assert placement.recall(cache.folder(), MPS, "vocoder.vocos").lower_fault == said
    assert where() == ("mps", "MPS found")


def test_a_lower_format_that_fails_leaves_the_stage_where_it_is(gpu, monkeypatch):
    gpu.change = lambda x: torch.linalg.inv(x)
    work = MODELS.workloads()["f5.bfloat16"]
    monkeypatch.setattr(selftest, "_stages", lambda: {"acoustic.f5": [work]})
    monkeypatch.setattr(library, "installed", list)
    (row,) = self_test()["stages"]
    assert row["lower_fault"].startswith("f5.bfloat16: linalg.inv")
    assert row["right"]


def test_float32_is_exact_while_it_is_compared(gpu, monkeypatch, small):
    seen = []

    @contextmanager
    def watched(device):
        seen.append(device)
        yield

    monkeypatch.setattr(selftest, "exact_float32", watched)
    self_test()
    assert seen == [MPS]


def test_differences_are_relative_to_the_peak():
    one = torch.tensor([[1.0, -200.0]])
    assert difference([one], [one + 0.2]) == pytest.approx(1e-3)
    assert difference([one / 1000], [one / 1000 + 0.2]) == pytest.approx(1.0)
    assert difference([one * 0], [one * 0 + 0.2]) == pytest.approx(0.2)
    assert difference([torch.zeros(0)], [torch.zeros(0)]) == 0.0
    assert difference([torch.tensor([3])], [torch.tensor([5])]) == pytest.approx(2 / 3)


def test_tensors_of_features_are_found():
    values, lengths = torch.zeros(1, 2, 3), torch.tensor([3])
    found = list(tensors([Features(values, lengths, FeatureSpec()), (values, "x", None)]))
    assert [tuple(t.shape) for t in found] == [(1, 2, 3), (1,), (1, 2, 3)]


def test_on_the_stand_in_device_a_wrong_kernel_is_caught_and_auto_leaves(tmp_path):
    try:
        standin_build.library()
    except StandInUnavailable as why:
        pytest.skip(f"no stand-in device here: {why}")
    environment = os.environ | {"VIVAVOCE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.diagnose.standin_selftest"],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["right"] == {
        "acoustic.f5": False,
        "acoustic.glow": True,
        "vocoder.hifigan": True,
        "vocoder.vocos": False,
    }
    assert found["chosen"] == ["mps", "cpu"]
    assert "vocoder on cpu: mps gave wrong numbers in the self-test" in found["reason"]
    assert found["told"] == ["mps", "mps"]
    assert "warning: mps gave wrong numbers in the self-test" in found["warning"]
    assert found["swapped"] == ["cpu", "mps"]
    assert found["spoken"]
    assert found["difference"] <= 1e-4 * found["peak"]
