"""The discrete VAE, against a recording and the published file's list of tensors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mpsaudit import audit
from tests.tolerance import assert_recorded
from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.errors import ConfigError
from vivavoce.models.xtts.dvae import Dvae, DvaeConfig, adapt

TOY = DvaeConfig(hidden=16, width=16, codes=32)


@pytest.mark.parity
def test_it_is_the_published_one(load_parity):
    recorded = load_parity("xtts_dvae_tiny")
    sizes = recorded.meta["config"]
    config = DvaeConfig(
        n_mels=sizes["channels"],
        hidden=sizes["hidden_dim"],
        width=sizes["codebook_dim"],
        codes=sizes["num_tokens"],
        blocks=sizes["num_resnet_blocks"],
        kernel=sizes["kernel_size"],
        halvings=sizes["num_layers"],
    )
    dvae = Dvae(config)
    strict_load(dvae, adapt(recorded.weights))
    mel = recorded.inputs["mel"]
    with torch.no_grad():
        encoded, codes = dvae.encoder(mel), dvae.encode(mel)
        decoded = dvae.decode(codes)
    assert_recorded(encoded, recorded, "encoder")
    assert torch.equal(codes, recorded.outputs["codes"])
    assert_recorded(decoded, recorded, "decoded")


def test_the_official_sizes_are_the_defaults():
    path = Path(__file__).parents[2] / "data" / "manifests" / "xtts_dvae.json"
    with without_numbers():
        ours = Dvae(DvaeConfig()).state_dict()
    listed = json.loads(path.read_text())["keys"]
    theirs = adapt({name: torch.empty(k["shape"], device="meta") for name, k in listed.items()})
    assert {n: t.shape for n, t in theirs.items()} == {n: t.shape for n, t in ours.items()}


@pytest.mark.parametrize("frames", [1, 4, 41, 43])
def test_a_code_for_every_four_frames(frames):
    dvae = Dvae(TOY)
    codes = dvae.encode(torch.randn(2, 80, frames))
    assert codes.shape == (2, -(-frames // 4))
    assert codes.dtype == torch.int64
    assert dvae.decode(codes).shape == (2, 80, 4 * codes.shape[1])


def test_codes_are_the_nearest_entries():
    dvae, mel = Dvae(TOY), torch.randn(1, 80, 60)
    with torch.no_grad():
        x = dvae.encoder(mel)[0]
        far = (x[:, :, None] - dvae.codebook[:, None, :]).square().sum(0)
    assert torch.equal(dvae.encode(mel)[0], far.argmin(1))


def test_sizes_that_make_no_model():
    with pytest.raises(ConfigError, match="odd"):
        DvaeConfig(kernel=4)
    with pytest.raises(ConfigError, match="at least 1"):
        DvaeConfig(blocks=0)


def test_twelve_seconds_run_natively_on_every_macos():
    dvae, mel = Dvae(TOY), torch.randn(1, 80, 1033)
    report = audit(lambda: dvae.decode(dvae.encode(mel)), macos=("14.4", "15.5"))
    assert report.findings == ()
