"""EnCodec's decoder against the reference, in windows and parts; official names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.tolerance import assert_near, assert_recorded
from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.errors import BadCheckpoint, ConfigError, UsageError
from vivavoce.vocoders import VOCODERS
from vivavoce.vocoders.base import decode_windowed, stream_windows
from vivavoce.vocoders.encodec.config import EncodecConfig
from vivavoce.vocoders.encodec.importer import IMPORTER
from vivavoce.vocoders.encodec.model import Encodec
from vivavoce.vocoders.encodec.workloads import TOY

MANIFEST = Path(__file__).parents[1] / "data" / "manifests" / "encodec_24khz.json"


def built(weights: dict[str, torch.Tensor]) -> tuple[Encodec, list[str]]:
    vocoder = Encodec.build(IMPORTER.tables({}, weights, None)).eval()
    ours, dropped = IMPORTER.adapt(weights)
    strict_load(vocoder, ours)
    return vocoder, dropped


def toy() -> Encodec:
    torch.manual_seed(0)
    return Encodec.build({"config": {"codes": 64, "hidden": 8, "width": 4}}).eval()


def codes(rows: int, frames: int) -> torch.Tensor:
    return torch.randint(64, (rows, 8, frames)).float()


@pytest.mark.parity
@torch.no_grad()
def test_parity(load_parity) -> None:
    recorded = load_parity("zoo/encodec_tiny")
    vocoder, _ = built(recorded.weights)
    given = recorded.inputs["codes"].transpose(0, 1).float()
    assert_recorded(vocoder.embedded(given), recorded, "embedding")
    assert_recorded(decode_windowed(vocoder, given)[:, None], recorded, "wave")


@pytest.mark.parametrize("frames", [1, 6, 7, 40])
@torch.no_grad()
def test_windows_parts_and_rows_equal_one_pass(frames: int) -> None:
    vocoder, given = toy(), codes(2, frames)
    (heard,) = [*(first := vocoder.preparation()).push(given), *first.finish()]
    whole = vocoder.decode(heard)
    assert whole.shape[-1] == vocoder.n_samples(frames)
    assert_near(decode_windowed(vocoder, given, window_frames=9), whole, 256)
    assert_near(decode_windowed(vocoder, given[1:]), whole[1:], 256)
    pieces = list(stream_windows(vocoder, given.split(3, -1), 9, eager=True))
    assert_near(torch.cat(pieces, -1), whole, 256)


@torch.no_grad()
def test_the_reach_covers_what_a_frame_changes() -> None:
    vocoder = toy().double()
    for parameter in vocoder.parameters():
        parameter.fill_(0.03)
    heard = torch.zeros(1, TOY.widest, 20).double()
    plain = vocoder.decode(heard)
    heard[..., 9] = 1
    changed = (vocoder.decode(heard) != plain)[0].nonzero()[:, 0] // 320
    assert (changed.min(), changed.max()) == (9, 9 + TOY.receptive_field)


def test_the_official_checkpoint_fits() -> None:
    keys = json.loads(MANIFEST.read_text())["keys"]
    foreign = {key: torch.empty(shape, device="meta") for key, shape in keys.items()}
    assert VOCODERS.recognise(foreign) == "encodec"
    with without_numbers():
        vocoder, dropped = built(foreign)
    assert vocoder.config == EncodecConfig()
    assert {name.partition(".")[0] for name in dropped} == {"encoder", "quantizer"}
    assert len(foreign) - len(dropped) == len(vocoder.state_dict()) + 7 + 18  # books, norms


def test_metas_own_names_are_read_too(load_parity) -> None:
    weights = load_parity("zoo/encodec_tiny").weights
    theirs = {}
    for name, tensor in weights.items():
        name = name.replace("decoder.layers.", "decoder.model.")
        name = name.replace("parametrizations.weight.original0", "weight_g")
        name = name.replace("parametrizations.weight.original1", "weight_v")
        name = name.replace(".conv.", ".convtr.convtr." if ".3.conv" in name else ".conv.conv.")
        name = name.replace(".codebook.", "._codebook.").replace("quantizer.", "quantizer.vq.")
        theirs[name] = tensor
    assert VOCODERS.recognise(theirs) == "encodec"
    ours, _ = IMPORTER.adapt(theirs)
    wanted, _ = IMPORTER.adapt(weights)
    assert ours.keys() == wanted.keys()


def test_half_a_checkpoint_is_refused(load_parity) -> None:
    weights = load_parity("zoo/encodec_tiny").weights
    half = {name: t for name, t in weights.items() if "layers.3." not in name}
    with pytest.raises(BadCheckpoint, match=r"EnCodec is missing: 'stages\.0\.upsample\.weight'"):
        IMPORTER.tables({}, half, None)


@pytest.mark.parametrize(
    "bad", [{"rates": [8, 5, 4]}, {"rates": []}, {"width": 3}, {"books": 0}, {"books": 9}]
)
def test_impossible_sizes_are_refused(bad: dict) -> None:
    with pytest.raises(ConfigError):
        Encodec.build({"config": bad})


def test_a_speaker_is_refused() -> None:
    with pytest.raises(UsageError, match="no speaker"):
        toy().decode(torch.zeros(1, 64, 9), torch.zeros(1, 4, 1))
