"""The frozen flow of VITS against the plain one: same numbers, every shape."""

import pytest
import torch

from tests.tolerance import assert_near
from vivavoce.nn.latent_config import LatentConfig
from vivavoce.nn.latent_flow import Flow


def flow(**changes) -> Flow:
    torch.manual_seed(0)
    sizes = {"latent_width": 8, "flow_width": 12, "flow_layers": 3}
    module = Flow(LatentConfig(**sizes | changes)).eval().requires_grad_(False)
    for parameter in module.parameters():
        parameter += 0.1 * torch.randn_like(parameter)
    return module


@pytest.mark.parametrize("changes", [{}, {"flow_kernel": 3}, {"speaker_width": 6}])
@pytest.mark.parametrize("lengths", [(1,), (41,), (30, 7, 44)])
def test_frozen_is_the_same_as_plain(changes: dict, lengths: tuple[int, ...]) -> None:
    module = flow(**changes)
    steps = torch.arange(max(lengths))
    mask = (steps < torch.tensor(lengths)[:, None]).float().unsqueeze(1)
    z = torch.randn(len(lengths), 8, max(lengths)) * mask
    speaker = torch.randn(len(lengths), 6, 1) if "speaker_width" in changes else None
    given = None if len(lengths) == 1 else mask
    expected = module.reverse(z, given, speaker)
    module.freeze()
    found = module.reverse(z, given, speaker)
    assert not torch.equal(found, expected)
    assert_near(found, expected)


@pytest.mark.parametrize("changes", [{"flow_dilation": 2}, {"flow_kernel": 7}])
def test_others_stay_plain(changes: dict) -> None:
    module, z = flow(**changes), torch.randn(1, 8, 20)
    expected = module.reverse(z)
    module.freeze()
    assert torch.equal(module.reverse(z), expected)
