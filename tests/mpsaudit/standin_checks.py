"""What a program sees of the stand-in device. A script: prints {check: "" or the failure}."""

import json
import sys
import traceback
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mpsaudit.device_standin import standin
from mpsaudit.errors import StandInUnavailable

MPS = torch.device("mps:0")


def raises(kind, text, work):
    with pytest.raises(kind) as caught:
        work()
    assert text in str(caught.value), str(caught.value)


def same(work, *inputs, exact=True):
    cpu = work(*inputs)
    mps = work(*(x.to(MPS) for x in inputs))
    assert mps.device == MPS
    torch.testing.assert_close(
        mps.cpu(), cpu, **({"rtol": 0, "atol": 0} if exact else {"rtol": 1e-5, "atol": 1e-6})
    )


def check_tensors_say_mps():
    x = torch.ones(2, 3, device="mps")
    assert x.device == MPS
    assert x.is_mps
    assert str(x.to("cpu") + 1).startswith("tensor([[2.")
    assert "mps:0" in repr(x)
    assert torch.ones(2).to("mps").sum().item() == 2


def check_mps_is_available():
    assert torch.backends.mps.is_built()
    assert torch.backends.mps.is_available()
    assert torch.accelerator.current_accelerator() == torch.device("mps")


def check_macos_is_the_chosen_one():
    assert torch.backends.mps.is_macos_or_newer(14, 4)
    assert not torch.backends.mps.is_macos_or_newer(15, 0)


def check_modules_move_and_train():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 1)).to("mps")
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    x, losses = torch.randn(16, 4, device="mps"), []
    for _ in range(5):
        optimiser.zero_grad()
        loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert next(model.parameters()).grad.is_mps


def check_gradients_equal_the_cpu():
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    cpu, mps = x.clone().requires_grad_(), x.to(MPS).requires_grad_()
    for leaf in (cpu, mps):
        (leaf.softmax(-1)[:, 1:].cumsum(1) * leaf[:, :3].exp()).sum().backward()
    torch.testing.assert_close(mps.grad.cpu(), cpu.grad, rtol=0, atol=0)


def check_placement_errors():
    mps, cpu = torch.ones(3, 3, device="mps"), torch.ones(3, 3)
    raises(RuntimeError, "Expected all tensors to be on the same device", lambda: mps + cpu)
    raises(RuntimeError, "Placeholder storage has not been allocated", lambda: mps @ cpu)
    raises(RuntimeError, "should be the same", lambda: F.conv1d(mps[None], cpu[None]))
    assert (mps * torch.tensor(2.0)).sum().item() == 18  # a 0-dim CPU tensor is a number


def check_float64_is_refused():
    text = "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support"
    raises(TypeError, text, lambda: torch.zeros(2, dtype=torch.float64, device="mps"))
    raises(TypeError, text, lambda: torch.zeros(2, dtype=torch.float64).to("mps"))
    raises(TypeError, text, lambda: torch.zeros(2, device="mps").double())


def check_missing_operators_raise():
    x = torch.ones(3, device="mps")
    text = "The operator 'aten::mode' is not currently implemented for the MPS device"
    raises(NotImplementedError, text, lambda: torch.mode(x))


def check_silent_operators_warn():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.linalg.svd(torch.eye(3, device="mps"))
    text = "is not currently supported on the MPS backend and will fall back to run on the CPU"
    assert any(text in str(w.message) for w in caught), caught


def check_limits_raise():
    conv = nn.Conv1d(1, 1, 3).to("mps")
    text = "Output channels > 65536 not supported at the MPS device."
    with torch.no_grad():
        raises(RuntimeError, text, lambda: conv(torch.zeros(1, 1, 70_000, device="mps")))


def check_data_dependent_code():
    x = torch.arange(6.0, device="mps")
    assert x[x > 2].tolist() == [3.0, 4.0, 5.0]
    x[x > 3] = -1
    assert x.min().item() == -1
    assert x[torch.tensor([0, 2])].tolist() == [0.0, 2.0]  # an index may stay on the CPU
    assert bool((x == 2).any())
    assert torch.nonzero(x < 0).shape == (2, 1)
    assert int(x.argmax()) == 3


def check_views_share_memory():
    x = torch.zeros(2, 6, device="mps")
    x.view(3, 4)[1].fill_(2)
    x[:, 1:3].t().add_(1)
    x.unfold(1, 2, 2)[0, 0, 0] = 9
    assert x.sum().item() == 8 + 4 + 9
    assert x.is_set_to(x.view(2, 6))


def check_out_and_resize():
    out = torch.empty(0, device="mps")
    torch.cat([torch.ones(2, device="mps"), torch.zeros(3, device="mps")], out=out)
    assert out.tolist() == [1, 1, 0, 0, 0]
    x = torch.ones(2, device="mps")
    x.resize_(4).fill_(3)
    assert x.sum().item() == 12
    x.set_(torch.ones(3, device="mps"))
    assert x.tolist() == [1, 1, 1]
    x.data = torch.zeros(2, device="mps")
    assert x.shape == (2,)


def check_istft_is_bit_equal():
    window = torch.hann_window(64)
    spectrum = torch.stft(torch.randn(1, 640), 64, window=window, return_complex=True)
    same(lambda s, w: torch.istft(s, 64, window=w), spectrum, window)


def check_convolutions():
    x, w = torch.randn(2, 3, 20), torch.randn(4, 3, 5)
    same(lambda x, w: F.conv1d(x, w, padding=2), x, w)
    same(lambda x, w: F.conv_transpose1d(x, w, stride=2), torch.randn(2, 4, 9), w)


def check_lstm():
    torch.manual_seed(0)
    lstm = nn.LSTM(4, 5, num_layers=2, bidirectional=True)
    twin = nn.LSTM(4, 5, num_layers=2, bidirectional=True).to("mps")
    twin.load_state_dict(lstm.state_dict())
    x = torch.randn(7, 2, 4)
    cpu, mps = x.clone().requires_grad_(), x.to(MPS).requires_grad_()
    for model, leaf in ((lstm, cpu), (twin, mps)):
        y, (h, _) = model(leaf)
        (y.square().sum() + h.sum()).backward()
    torch.testing.assert_close(mps.grad.cpu(), cpu.grad)
    for a, b in zip(lstm.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(b.grad.cpu(), a.grad)


def check_attention():
    q = torch.randn(1, 2, 5, 8)
    same(lambda q: F.scaled_dot_product_attention(q, q, q), q, exact=False)
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    attend = F.scaled_dot_product_attention
    same(lambda q, m: attend(q, q, q, attn_mask=m), q, mask, exact=False)
    leaf = q.to(MPS).requires_grad_()
    attend(leaf, leaf, leaf, is_causal=True).sum().backward()
    assert leaf.grad.is_mps


def check_rms_norm():
    x, weight = torch.randn(3, 8), torch.rand(8)
    same(lambda x, w: F.rms_norm(x, (8,), w), x, weight, exact=False)
    same(lambda x: F.rms_norm(x, (8,)), x, exact=False)
    leaf = x.to(MPS).requires_grad_()
    F.rms_norm(leaf, (8,), weight.to(MPS)).sum().backward()
    assert leaf.grad.isfinite().all()


def check_autocast():
    layer, x = nn.Linear(4, 4).to("mps"), torch.ones(2, 4, device="mps")
    for dtype in (torch.float16, torch.bfloat16):
        with torch.autocast("mps", dtype=dtype):
            assert layer(x).dtype == dtype
    layer(x).sum().backward()


def check_generators():
    first = torch.randn(3, generator=torch.Generator("mps").manual_seed(3), device="mps")
    again = torch.randn(3, generator=torch.Generator("mps").manual_seed(3), device="mps")
    assert first.tolist() == again.tolist()
    torch.manual_seed(5)
    first = torch.rand(3, device="mps")
    torch.manual_seed(5)
    assert first.tolist() == torch.rand(3, device="mps").tolist()
    torch.mps.synchronize()


def check_state_dicts_and_copies(tmp="/dev/null"):
    import copy
    import io

    layer = nn.Linear(2, 2).to("mps")
    assert copy.deepcopy(layer).weight.is_mps
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    assert torch.load(file, map_location="cpu")["weight"].device.type == "cpu"


def check_inference_mode():
    outside = nn.Linear(4, 4).to("mps")
    with torch.inference_mode():
        x = nn.Linear(4, 4).to("mps")(torch.ones(1, 4, device="mps"))
        assert (x.view(2, 2) + 1).is_mps
    weight = nn.Parameter(torch.ones(2, 2, device="mps"))
    with torch.inference_mode():  # a view of what was made outside is no inference tensor
        assert torch.matmul(weight, torch.ones(3, 2, 4, device="mps")).shape == (3, 2, 4)
        assert not outside.weight.view(-1).is_inference()


def check_there_is_one_only():
    raises(StandInUnavailable, "has an mps device already", standin)


def check_wrong_kernel_is_wrong():
    x = torch.full((3,), 0.5)
    assert torch.allclose(torch.erfinv(x.to(MPS)).cpu(), 1.5 * torch.erfinv(x))


def main():
    standin(macos="14.4", wrong={"aten::erfinv": 1.5})
    results = {}
    for name, check in [item for item in globals().items() if item[0].startswith("check_")]:
        try:
            check()
            results[name] = ""
        except Exception:
            results[name] = traceback.format_exc()
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
