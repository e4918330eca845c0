"""The conditioning encoder and the perceiver, against recordings and by what must hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mpsaudit import audit
from mpsaudit.versions import number
from tests.models.xtts.cloner import TOY, Cloner
from tests.tolerance import assert_near, assert_recorded, assert_within
from vivavoce.checkpoints.remap import strict_load, under
from vivavoce.models.xtts.conditioning import Conditioning, Perceiver
from vivavoce.models.xtts.config import XttsConfig
from vivavoce.nn.mel_attention import groups
from vivavoce.runtime.select import MIN_TORCH_MPS


@pytest.mark.parity
def test_the_perceiver_is_the_published_one(load_parity):
    recorded = load_parity("xtts_perceiver_tiny")
    sizes = recorded.meta["config"]
    assert sizes["ff_mult"] == 4
    perceiver = Perceiver(
        XttsConfig(
            width=sizes["dim"],
            n_latents=sizes["num_latents"],
            perceiver_depth=sizes["depth"],
            perceiver_heads=sizes["heads"],
            perceiver_head_dim=sizes["dim_head"],
        )
    )
    strict_load(perceiver, recorded.weights)
    with torch.no_grad():
        found = perceiver(recorded.inputs["x"])
    assert_recorded(found, recorded, "latents")


@pytest.mark.parity
def test_encoder_and_perceiver_are_the_published_ones(load_parity):
    recorded = load_parity("xtts_gpt_tiny")
    sizes = recorded.meta["config"]
    conditioning = Conditioning(XttsConfig(width=sizes["model_dim"], heads=sizes["heads"]))
    strict_load(conditioning.encoder, under(recorded.weights, "conditioning_encoder."))
    strict_load(conditioning.perceiver, under(recorded.weights, "conditioning_perceiver."))
    mel = recorded.inputs["cond_mel"]
    with torch.no_grad():
        heard, latents = conditioning.encoder(mel), conditioning(mel)
    assert_recorded(heard, recorded, "conditioning_encoder")
    assert_recorded(latents, recorded, "cond_latents")


def test_shapes_with_and_without_a_perceiver():
    mel = torch.randn(3, 80, 50)
    assert Conditioning(TOY)(mel).shape == (3, 6, 64)
    without = Conditioning(replace(TOY, perceiver=False))
    assert without(mel).shape == (3, 50, 64)
    assert not [name for name, _ in without.named_parameters() if "perceiver" in name]


def test_latents_do_not_depend_on_the_order_of_frames_nor_on_the_other_rows():
    conditioning, mel = Cloner().conditioning, torch.randn(2, 80, 40)
    with torch.no_grad():
        latents = conditioning(mel)
        assert_near(conditioning(mel.flip(2)), latents)
        assert_near(conditioning(mel[1:]), latents[1:])


def test_gradients_reach_every_weight():
    conditioning = Cloner().conditioning
    conditioning(torch.randn(1, 80, 30)).square().sum().backward()
    without = [name for name, p in conditioning.named_parameters() if not p.grad.any()]
    # a key's bias moves all scores of a query alike
    assert without == []


def test_half_precision_stays_near():
    conditioning, mel = Cloner().conditioning, torch.randn(1, 80, 60)
    with torch.no_grad():
        whole = conditioning(mel)
        half = conditioning.to(torch.bfloat16)(mel.to(torch.bfloat16))
    assert half.dtype == torch.bfloat16
    assert_within(half.float(), whole, 0.15)


def test_groups_of_channels():
    assert [groups(n) for n in (8, 16, 64, 1024, 96, 80)] == [8, 8, 16, 32, 32, 16]


# See tests/mpsaudit/test_workloads.py.
TOLERATED = {"wrong-number"} if number(torch.__version__) < MIN_TORCH_MPS else set[str]()


def test_thirty_seconds_run_natively_on_every_macos():
    conditioning, mel = Cloner().conditioning, torch.randn(8, 80, 345)

    def work():
        with torch.no_grad():
            return conditioning(mel)

    report = audit(work, macos=("14.4", "15.5"))
    assert report.operators > 10
    assert {finding.severity for finding in report.findings} <= TOLERATED
