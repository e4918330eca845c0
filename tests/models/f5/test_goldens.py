"""Both backbones, every option, against numbers printed by the reference for weights from a rule.

No recordings: the rule gives the weights, the numbers stand here. Tensor j in the order of the
reference's sorted names has 0.08 sin(0.1 i + j) at flat place i, and 1 more where it is a scale.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from tests.models.f5.reference import evaluate
from tests.tolerance import EPSILON, ROUNDINGS, assert_within, peak
from vivavoce.models.f5.backbone import F5Backbone
from vivavoce.models.f5.config import F5Config, F5Options
from vivavoce.models.f5.dit import DiT
from vivavoce.models.f5.sampler import evaluations, guided, sample
from vivavoce.models.f5.unett import UNetT
from vivavoce.runtime.arithmetic import Arithmetic

N_FRAMES, N_GIVEN, N_TOKENS = 40, 20, 20
PRINTED = 5e-6  # half of the last digit

TINY = {
    "dim": 64, "depth": 2, "heads": 4, "head_dim": 16, "ff_mult": 2,
    "text_dim": 32, "text_layers": 2, "n_tokens": 50,
}  # fmt: skip
V1 = F5Config(**TINY)
V0 = F5Config(**TINY, mask_text=False, rotary_heads=1)
E2 = F5Config(
    **TINY | {"depth": 4, "ff_mult": 4, "text_dim": 100, "text_layers": 0},
    backbone="unett", mask_text=False, rotary_heads=1,
)  # fmt: skip
UNCOND = {"drop_reference": True, "drop_text": True}

# model, drops, then the flow at [0, :4], [17, 50:54] and [39, 96:]
FLOWS = {
    "v1 cond": (V1, {}, (
        (-0.82709, -0.84242, -0.84599, -0.83775), (-0.63055, -0.71448, -0.78853, -0.85166),
        (0.32679, 0.18137, 0.03321, -0.11566))),
    "v1 uncond": (V1, UNCOND, (
        (-0.83164, -0.8587, -0.87378, -0.87668), (-0.62747, -0.7221, -0.80674, -0.88021),
        (0.32662, 0.17926, 0.02919, -0.12153))),
    "v0 cond": (V0, {}, (
        (-0.82601, -0.84428, -0.85076, -0.84537), (-0.60922, -0.70156, -0.78419, -0.85595),
        (0.13522, 0.01099, -0.11367, -0.23702))),
    "v0 uncond": (V0, UNCOND, (
        (-0.83632, -0.86821, -0.88798, -0.89538), (-0.67079, -0.77711, -0.87268, -0.95619),
        (0.14689, 0.02234, -0.10278, -0.22675))),
    "v1 norm of queries and keys": (F5Config(**TINY, qk_norm=True), {}, (
        (-1.05589, -1.07112, -1.07146, -1.05692), (-1.28802, -1.37195, -1.43703, -1.48235),
        (-0.6062, -0.85127, -1.085, -1.3042))),
    "v1 long skip": (F5Config(**TINY, long_skip=True), {}, (
        (-0.73848, -0.76144, -0.77394, -0.77583), (-0.4964, -0.59913, -0.69341, -0.77794),
        (0.31691, 0.20773, 0.09567, -0.01771))),
    "e2": (E2, {}, (
        (-0.1754, -0.10499, -0.03294, 0.03978), (0.4306, 0.50221, 0.56721, 0.62474),
        (-0.23974, -0.16377, -0.08575, -0.00672))),
}  # fmt: skip
SAMPLES = {
    7: ((0.1207, -2.40943, -1.39347, -0.73115), (-1.46005, 0.83195, -1.0697, 1.32209)),
    32: ((0.02461, -2.50344, -1.48411, -0.81719), (-1.59517, 0.6828, -1.23085, 1.15113)),
}

TO_REFERENCE = (
    (r"^time\.expand", "time_embed.time_mlp.0"),
    (r"^time\.contract", "time_embed.time_mlp.2"),
    (r"^text\.embedding", "text_embed.text_embed"),
    (r"^text\.blocks", "text_embed.text_blocks"),
    (r"depthwise", "dwconv"),
    (r"(text_blocks\.\d+)\.expand", r"\1.pwconv1"),
    (r"(text_blocks\.\d+)\.contract", r"\1.pwconv2"),
    (r"response", "grn"),
    (r"^input\.projection", "input_embed.proj"),
    (r"^input\.position\.0", "input_embed.conv_pos_embed.conv1d.0"),
    (r"^input\.position\.1", "input_embed.conv_pos_embed.conv1d.2"),
    (r"attention\.query_norm", "attn.q_norm"),
    (r"attention\.key_norm", "attn.k_norm"),
    (r"attention\.query", "attn.to_q"),
    (r"attention\.key", "attn.to_k"),
    (r"attention\.value", "attn.to_v"),
    (r"attention\.output", "attn.to_out.0"),
    (r"feed_forward\.expand", "ff.ff.0.0"),
    (r"feed_forward\.contract", "ff.ff.2"),
    (r"^output", "proj_out"),
)
TO_DIT = (
    (r"^blocks\.(\d+)\.modulation", r"transformer_blocks.\1.attn_norm.linear"),
    (r"^blocks", "transformer_blocks"),
    (r"^modulation", "norm_out.linear"),
    (r"^skip", "long_skip_connection"),
)
TO_UNETT = (
    (r"^blocks\.(\d+)\.skip", r"layers.\1.0"),
    (r"^blocks\.(\d+)\.attention_norm\.weight", r"layers.\1.1.g"),
    (r"^blocks\.(\d+)\.attn", r"layers.\1.2"),
    (r"^blocks\.(\d+)\.feed_forward_norm\.weight", r"layers.\1.3.g"),
    (r"^blocks\.(\d+)\.ff", r"layers.\1.4"),
    (r"^norm\.weight", "norm_out.g"),
)


def by_rule(config: F5Config) -> F5Backbone:
    model = UNetT(config) if config.backbone == "unett" else DiT(config)
    names = {theirs(name, config.backbone): name for name in model.state_dict()}
    ordered = sorted([*names, "rotary_embed.inv_freq"])  # which we do not keep
    weights = model.state_dict()
    for number, name in enumerate(ordered):
        if name in names:
            shape = weights[names[name]].shape
            values = 0.08 * np.sin(0.1 * np.arange(shape.numel()) + number)
            values += name.endswith((".g", "norm.weight"))
            weights[names[name]].copy_(torch.from_numpy(values).float().view(shape))
    return model.eval().requires_grad_(False)


def theirs(name: str, backbone: str) -> str:
    for pattern, replacement in TO_REFERENCE + (TO_UNETT if backbone == "unett" else TO_DIT):
        name = re.sub(pattern, replacement, name)
    return name


def assert_printed(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert_within(found, expected, PRINTED + ROUNDINGS * EPSILON * peak(expected))


def text() -> torch.Tensor:
    return (7 * torch.arange(N_TOKENS) + 3) % 50


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", FLOWS)
def test_flow(name, frozen):
    config, drops, expected = FLOWS[name]
    model = by_rule(config)
    if frozen:
        model.freeze(Arithmetic())
    place = torch.arange(N_FRAMES * 100, dtype=torch.float64).view(1, N_FRAMES, 100)
    x, reference = (0.37 * place).sin().float(), (0.21 * place).cos().float()
    reference[:, N_GIVEN:] = 0
    context = model.context(reference, [text()], [N_FRAMES], **drops)
    flow = evaluate(model, x, context, torch.tensor(0.3))[0]
    found = torch.stack([flow[0, :4], flow[17, 50:54], flow[39, 96:]])
    assert_printed(found, torch.tensor(expected))


@pytest.mark.parametrize("steps", SAMPLES)
def test_sample(steps):
    model = by_rule(V1)
    torch.manual_seed(1234)
    noise = torch.randn(60, 100)[None]
    assert noise[0, 0, :4].tolist() == pytest.approx([-0.1117, -0.4966, 0.1631, -0.8817], abs=1e-4)
    reference = torch.zeros(1, 60, 100)
    reference[0, :30] = (0.05 * torch.arange(3000, dtype=torch.float64)).sin().float().view(30, 100)
    options = F5Options(steps=steps, guidance=2.0, sway=-1.0)
    with torch.inference_mode():
        context = model.context(reference, [text()], [60], guided(options))
        x = sample(model, noise, context, model.schedule(evaluations(options)), options)[0]
    found = torch.stack([x[30, :4], x[-1, -4:]])
    assert_printed(found, torch.tensor(SAMPLES[steps]))


def test_time():
    """Sines, then cosines, of 1000 t at 128 frequencies."""
    model = by_rule(V1)
    waves = []
    model.time.expand.register_forward_pre_hook(lambda _module, given: waves.append(given[0][0]))
    model.time(torch.tensor([0.3]))
    found = waves[0][[0, 1, 64, 127, 128, 129, 255]].tolist()
    expected = [-0.9998, 0.5549, 0.2459, 0.0300, -0.0221, -0.8319, 0.9996]
    assert found == pytest.approx(expected, abs=1e-4)
