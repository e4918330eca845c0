"""The frozen inverse flow against the plain one: same numbers, every shape."""

import pytest
import torch

from tests.tolerance import assert_near
from vivavoce.nn.glow_config import GlowFlowConfig
from vivavoce.nn.glow_decoder import GlowDecoder
from vivavoce.nn.glow_frozen import FrozenDecoder
from vivavoce.nn.wavenet_frozen import from_tiles, to_tiles


def decoder(**changes) -> GlowDecoder:
    torch.manual_seed(0)
    sizes = {"n_mels": 8, "decoder_width": 12, "n_flows": 3, "flow_layers": 3}
    config = GlowFlowConfig(**sizes | changes)
    module = GlowDecoder(config).eval().requires_grad_(False)
    for parameter in module.parameters():
        parameter += 0.1 * torch.randn_like(parameter)
    return module


@pytest.mark.parametrize("frames", [1, 3, 4, 5, 9])
@pytest.mark.parametrize("rows", [1, 3])
def test_tiles_there_and_back(rows: int, frames: int) -> None:
    x = torch.randn(rows, 2, frames)
    assert torch.equal(from_tiles(to_tiles(x), rows, frames), x)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"flow_kernel": 3},
        {"flow_layers": 1},
        {"sigmoid_scale": True},
        {"speaker_width": 6},
        {"n_squeeze": 4},
    ],
)
@pytest.mark.parametrize("lengths", [(2,), (38,), (41,), (30, 7, 44)])
def test_same_as_plain(changes: dict, lengths: tuple[int, ...]) -> None:
    module, squeeze = decoder(**changes), changes.get("n_squeeze", 2)
    lengths = tuple(max(n, squeeze) for n in lengths)
    steps = torch.arange(max(lengths))
    mask = (steps < torch.tensor(lengths)[:, None]).float().unsqueeze(1)
    z = torch.randn(len(lengths), 8, max(lengths)) * mask
    speaker = torch.randn(len(lengths), 6, 1) if "speaker_width" in changes else None
    given = None if len(lengths) == 1 else mask
    expected = module.reverse(z, given, speaker)
    module.freeze()
    found = module.reverse(z, given, speaker)
    assert module._fast is not None
    assert_near(found, expected)


def test_others_stay_plain() -> None:
    assert FrozenDecoder.fits(decoder().flows)
    assert not FrozenDecoder.fits(decoder(dilation_rate=2).flows)
    assert not FrozenDecoder.fits(decoder(flow_kernel=7).flows)
    assert not FrozenDecoder.fits(decoder().to("meta").flows)
