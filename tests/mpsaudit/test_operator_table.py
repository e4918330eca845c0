from __future__ import annotations

import pytest
import torch

from mpsaudit import operator_table as module
from mpsaudit.errors import UsageError
from mpsaudit.operator_table import build, generate, load, versions
from mpsaudit.versions import number

INSTALLED = torch.__version__.split("+")[0]
CHANGED = ["2.3.1", "2.6.0", "2.8.0", "2.13.0"]

YAML = """
- func: plain(Tensor self) -> Tensor
- func: f.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)
  structured: True
  dispatch:
    CPU, MPS, CUDA: f_out
- func: f(Tensor self) -> Tensor
  structured_delegate: f.out
- func: g.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)
  structured: True
  dispatch:
    CPU: g_out
- func: g_(Tensor(a!) self) -> Tensor(a!)
  structured_delegate: g.out
  dispatch:
    SparseMPS, SparseCPU: g_sparse_
- func: own(Tensor self) -> Tensor
  autogen: own.out
  dispatch:
    CompositeImplicitAutograd: own
    MPS: own_mps
- func: quiet(Tensor self) -> Tensor
"""


def test_the_rule():
    table = build(YAML, "1.0.0", "here", silent=["quiet", "f", "absent"], python=["plain", "own"])
    assert table.native == {"aten::f.out", "aten::f", "aten::own"}
    assert table.silent == {"aten::quiet"}
    assert table.python == {"aten::plain"}
    assert table.owned == {"aten::own", "aten::quiet"}


@pytest.mark.parametrize(
    ("version", "count"),
    # What `wrapper_MPS_*` symbols in the libraries of four macOS builds count to.
    [("2.3.1", 658), ("2.6.0", 707), ("2.8.0", 813), ("2.13.0", 890)],
)
def test_as_many_kernels_as_the_macos_build_has(version, count):
    assert len(load(version).native) == count


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("unfold_backward", "missing native native native"),
        ("_fft_r2c", "native native native native"),
        ("angle", "missing missing native native"),
        ("im2col", "silent native native native"),
        ("col2im", "silent silent native native"),
        ("native_group_norm_backward", "native native native native"),  # Python, then a kernel
        ("_weight_norm_interface_backward", "native native native native"),
        ("linalg_inv_ex.inverse", "native native native native"),
        ("linalg_cholesky_ex.L", "missing missing native native"),
        ("linalg_qr.out", "missing missing missing native"),
        ("linalg_svd", "silent silent silent silent"),
        ("embedding_renorm_", "silent silent silent silent"),
        ("_linalg_eigh.eigenvalues", "missing missing missing missing"),
        ("cumsum.out", "native native native native"),
        ("scatter_reduce.two_out", "missing native native native"),
        ("isneginf.out", "missing native native native"),
        ("native_dropout", "missing missing missing native"),
        ("linear", "native native native native"),
        ("chunk", "composite composite composite composite"),
        ("bitwise_left_shift.Tensor_out", "silent native native native"),
        ("_slow_conv2d_forward", "missing missing missing missing"),
        ("no_such_operator", "missing missing missing missing"),
    ],
)
def test_known_operators(name, kinds):
    found = {load(version).kind(prefix + name) for version in CHANGED for prefix in ("", "aten::")}
    assert found == set(kinds.split())
    assert [load(version).kind(name) for version in CHANGED] == kinds.split()


def test_tables_are_consistent():
    assert list(versions()) == sorted(versions(), key=lambda v: [int(x) for x in v.split(".")])
    for table in map(load, versions()):
        assert not table.native & table.silent
        assert not table.native & table.python
        assert table.owned <= table.native | table.silent
        names = table.native | table.silent | table.python
        assert all(name.startswith("aten::") for name in names)
        assert table.version in table.source


@pytest.mark.skipif(INSTALLED not in versions(), reason="no table of this torch is shipped")
def test_the_shipped_table_is_that_of_the_installed_torch():
    shipped = load()
    fresh = generate(module._installed_yaml(INSTALLED), INSTALLED)
    assert shipped.version == INSTALLED
    for field in ("native", "silent", "python", "owned"):
        assert getattr(fresh, field) == getattr(shipped, field)
    if not torch.backends.mps.is_built() and number(INSTALLED) >= (2, 13):  # older: only there
        registered = torch._C._dispatch_get_registrations_for_dispatch_key("MPS")
        assert {name for name in registered if name.startswith("aten::")} == shipped.python


def test_what_mps_keeps_whole():
    table = load("2.13")
    owned = "linear max_pool2d silu_backward mish_backward _fused_rms_norm linalg_svd linalg_svd.U"
    assert {f"aten::{name}" for name in owned.split()} == table.owned


def test_operators_of_others():
    library = torch.library.Library("vivavoce_table_test", "DEF")
    try:
        library.define("whole(Tensor x) -> Tensor")
        library.define("made(Tensor x) -> Tensor")
        library.define("cpu(Tensor x) -> Tensor")
        library.impl("whole", torch.neg, "MPS")
        library.impl("made", torch.neg, "CompositeImplicitAutograd")
        library.impl("cpu", torch.neg, "CPU")
        kinds = [load().kind(f"vivavoce_table_test::{name}") for name in ("whole", "made", "cpu")]
    finally:
        library._destroy()
    assert kinds == ["native", "composite", "missing"]


def test_versions_that_are_asked_for():
    assert load("2.13.0+cpu") is load("2.13.0") is load("2.13")
    patch = load("2.13.77")
    assert patch.native == load("2.13.0").native
    assert patch.version == "2.13.77"
    assert "2.13.0" in patch.source
    assert "taken for torch 2.13.77" in patch.source


@pytest.mark.parametrize(
    ("version", "named"),
    [("2.2.0", "2.3.1."), ("2.99", f"{versions()[-1]}."), ("banana", "like 2.13.0")],
)
def test_a_version_without_a_table(version, named):
    with pytest.raises(UsageError, match=version) as error:
        load(version)
    assert named in str(error.value)


def test_an_installed_torch_without_a_table_is_read(monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.99.0a0+git123")
    table = load()
    assert table.version == "2.99.0a0+git123"
    assert table.native == load(INSTALLED).native
    assert f"as in {versions()[-1]}" in table.source


def test_an_installed_torch_without_its_files(monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.99.0")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=rf"2\.99\.0.*--torch: {versions()[-1]}"):
        load()
