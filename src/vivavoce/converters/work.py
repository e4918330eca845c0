"""Pieces of work that every converter family names: recordings of noise in a voice of noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from vivavoce.converters.base import ConversionModel
from vivavoce.nn.noise import Noise
from vivavoce.types import Voice, Workload

C = TypeVar("C", bound=ConversionModel)
Make = Callable[[bool], ConversionModel]
"""A converter with random weights, at the official size if asked, else as a toy."""


def converting(make: Make) -> dict[str, Workload]:
    """`longest` is as long as windows of full size take; the work on it grows with the length."""
    found = (
        _work("shortest", make, 0.5),
        _work("typical", make, 5.0),
        _work("longest", make, 45.0),
        _work("stream", make, 5.0, small_windows=True),
    )
    return {work.name: work for work in found}


def seeded(model: Callable[[], C]) -> C:
    """Random weights in which every layer has a say."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = model()
        for name, parameter in made.named_parameters():
            if ".end." in name:
                torch.nn.init.normal_(parameter, 0.0, 0.3)
    return made.freeze()


def noise_voice(model: ConversionModel, seconds: float = 6.0) -> Voice:
    """A voice of a recording of noise."""
    samples = _noise(model, seconds, 2)
    return Voice("noise", model.family, model.target([samples]))


def _noise(model: ConversionModel, seconds: float, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(round(seconds * model.input_rate), generator=generator)


def _work(name: str, make: Make, seconds: float, small_windows: bool = False) -> Workload:
    def build(device: torch.device, full: bool = False) -> Callable[[], object]:
        model = make(full).to(device)
        if small_windows:
            model.window_frames = 2 * model.context_frames + 64
        samples = _noise(model, seconds, 1)

        def convert() -> object:
            voice = noise_voice(model)
            return list(model.stream(samples, voice, Noise(0)))

        return convert

    return Workload(name, f"a recording of {seconds:g} s and the target's voice", build)
