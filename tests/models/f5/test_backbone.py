"""In bfloat16 only the large products are: what positions, time and the sum are made of is not."""

from __future__ import annotations

import pytest
import torch

from tests.models.f5.toy import KINDS, QUICK, tokens, toy, toy_voice
from vivavoce.models.base import sentences
from vivavoce.models.f5 import layers
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.f5.workloads import random_model
from vivavoce.nn.noise import Noise
from vivavoce.runtime.arithmetic import Arithmetic

LIMIT = 0.01  # of the flow's spread; 0.002 to 0.005 were measured


def lower(kind: str) -> F5TTS:
    return random_model(KINDS[kind], torch.device("cpu"), Arithmetic(torch.bfloat16))


def spoken(model: F5TTS) -> torch.Tensor:
    """The first flow `[R, N, M]`: what the model itself adds to the noise."""
    flows = []
    hook = model.backbone.register_forward_hook(lambda _module, _in, out: flows.append(out))
    given = tokens(model, "one two three four five.", "six.")
    list(model.generate(sentences(given, toy_voice(), QUICK), Noise(0, [0, 1])))
    hook.remove()
    return flows[0]


@pytest.mark.parametrize("kind", KINDS)
def test_lower_precision_is_near(kind):
    expected, found = spoken(toy(kind)), spoken(lower(kind))
    assert found.dtype == torch.float32
    difference = (found - expected).square().mean().sqrt() / expected.std()
    assert 0 < difference <= LIMIT


@pytest.mark.parametrize("kind", ["v1", "v0", "e2"])
def test_what_stays_in_float32(kind, monkeypatch):
    model = lower(kind)
    seen: dict[str, set[torch.dtype]] = {}

    def watch(name):
        def hook(_module, given, out):
            seen.setdefault(f"{name} in", set()).add(given[0].dtype)
            seen.setdefault(f"{name} out", set()).add(out.dtype)

        return hook

    backbone = model.backbone
    rotated = layers.rotated
    turned = []
    monkeypatch.setattr(layers, "rotated", lambda *a: turned.append(rotated(*a)) or turned[-1])
    watched = {
        "time": backbone.time,
        "input": backbone.input,
        "block": backbone.blocks[1],
        "joint": backbone.blocks[1].attention.joint,
        "expand": backbone.blocks[1].feed_forward.contract,
        "output": backbone.output,
        "flow": backbone,
    }
    for name, module in watched.items():
        module.register_forward_hook(watch(name))
    spoken(model)
    for name in watched:
        expected = torch.bfloat16 if name in ("joint", "expand") else torch.float32
        assert seen[f"{name} in"] == seen[f"{name} out"] == {expected}, name
    assert {t.dtype for t in turned} == {torch.float32}
    half = {name for name, p in backbone.named_parameters() if p.dtype == torch.bfloat16}
    assert not [name for name in half if name.startswith(("time", "text", "output", "norm"))]
    assert not [name for name in half if "modulation" in name or "projection" in name]


def test_unlike_rows_make_a_mask_and_like_ones_do_not():
    backbone = toy("e2").backbone
    reference = torch.zeros(2, 30, backbone.config.n_mels)
    ids = [torch.arange(5), torch.arange(4)]
    same = backbone.context(reference, ids, [30, 30], guided=True)
    assert (same.real, same.rows) == (None, None)
    unlike = backbone.context(reference, ids, [30, 20], guided=True)
    assert unlike.rows is not None
    assert unlike.rows.lengths == (31, 21, 31, 21)  # with the frame of the time
    assert unlike.real is not None
    assert unlike.real.sum(1).tolist() == [30, 20, 30, 20]
    assert same.rotary.shape[0] == 31


def test_texts_longer_than_their_frames_are_cut():
    backbone = toy("v1").backbone
    longer, whole = torch.arange(25) % 20, torch.arange(20)
    assert torch.equal(backbone.text(longer, 20), backbone.text(whole, 20))
