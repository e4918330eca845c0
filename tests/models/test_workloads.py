"""Every family's work for audit and self-test: the same names, small enough for everybody."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from vivavoce.models import MODELS
from vivavoce.models.bark.config import BarkConfig
from vivavoce.models.f5.config import F5Config
from vivavoce.models.fastpitch.config import FastPitchConfig
from vivavoce.models.forward.config import ForwardConfig
from vivavoce.models.glow.config import GlowConfig
from vivavoce.models.xtts.config import XttsConfig
from vivavoce.speech.voices import cloning_families

ALWAYS = {"shortest", "typical", "longest", "batch"}
WORKS = MODELS.workloads()


@pytest.mark.parametrize("family", MODELS.folders)
def test_a_family_has_the_work_that_an_audit_asks_for(family):
    wanted = set(ALWAYS)
    if family in cloning_families():
        wanted |= {"long-reference", "recording"}
    if importlib.util.find_spec(f"{MODELS.folders[family]}.train"):
        wanted |= {"training"}
    named = {name.partition(".")[2] for name in WORKS if name.startswith(f"{family}.")}
    assert wanted <= named


@pytest.mark.parametrize("name", WORKS)
def test_it_is_listed_under_its_name_and_says_what_it_is(name):
    assert WORKS[name].name == name
    assert WORKS[name].description


def test_nothing_is_left_of_a_build_but_the_work():
    torch.manual_seed(5)
    expected = torch.randn(1)
    torch.manual_seed(5)
    for work in WORKS.values():
        work.build(torch.device("cpu"))
    assert torch.equal(torch.randn(1), expected)


class HeadWidths(TorchFunctionMode):
    """How wide the heads are that torch's attention is asked for."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is F.scaled_dot_product_attention:
            self.found.add(args[0].shape[-1])
        return func(*args, **(kwargs or {}))


FORWARD, GLOW = ForwardConfig(n_tokens=1), GlowConfig(n_tokens=1)
FASTPITCH = FastPitchConfig(n_tokens=1)
BARK = BarkConfig().semantic
OFFICIAL = {
    "bark": {BARK.width // BARK.heads},
    "fastpitch": {FASTPITCH.width // FASTPITCH.encoder.heads},
    "f5": {F5Config().head_dim},
    "forward": {FORWARD.encoder.width // FORWARD.encoder.heads},
    "glow": {GLOW.encoder_width // GLOW.encoder_heads},
    "tortoise": {64, 128},  # the voice's network has heads of twice the width
    "xtts": {XttsConfig().width // XttsConfig().heads, XttsConfig().perceiver_head_dim},
}
"""Of the full models; the other families compute attention by themselves."""


@pytest.mark.parametrize("family", MODELS.folders)
def test_toys_have_heads_as_wide_as_the_full_models(family):
    """GPUs choose the kernel of attention by that width: others would go untested."""
    with HeadWidths() as widths:
        for name, work in WORKS.items():
            if name in (f"{family}.shortest", f"{family}.recording"):
                work.build("cpu")()
    assert widths.found == OFFICIAL.get(family, set())


@pytest.mark.parametrize("name", ["f5.typical", "f5.bfloat16", "glow.typical"])
def test_the_same_work_gives_the_same_numbers(name):
    one, other = (WORKS[name].build("cpu")()[0].values for _ in range(2))
    assert torch.equal(one, other)


def test_the_longest_of_a_family_without_a_window_is_a_minute():
    (found,) = WORKS["glow.longest"].build("cpu")()
    assert found.values.shape[-1] / found.spec.frame_rate == pytest.approx(60, abs=1)
