"""Named pieces of VITS work for audit, self-test and benchmarks: toy or official size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from vivavoce.audio.specs import COQUI_22K, HIFIGAN_22K, SPEAKER_16K, XTTS_LATENTS
from vivavoce.models.base import sentences
from vivavoce.models.vits.config import VitsConfig, VitsOptions
from vivavoce.models.vits.model import VitsTTS
from vivavoce.nn.noise import Noise
from vivavoce.nn.speaker_config import LstmSpeakerConfig, SpeakerConfig
from vivavoce.types import Audio, Tokens, Workload
from vivavoce.vocoders import inner as decoders

RATE = SPEAKER_16K.sample_rate
LSTM = LstmSpeakerConfig(features=replace(COQUI_22K, sample_rate=RATE))
_TOY_ENCODERS: dict[type, dict[str, Any]] = {
    SpeakerConfig: {"blocks": (1, 1, 1, 1)},
    LstmSpeakerConfig: {"hidden": 16, "width": 8},
}
FULL = VitsConfig(n_tokens=256)
TOY = VitsConfig(
    n_tokens=256,
    text_width=16,
    text_layers=1,
    text_ffn=24,
    latent_width=8,
    flow_width=12,
    flow_layers=2,
    duration_width=16,
)
FRAMES_PER_TOKEN = 2
"""Half of the symbols are blanks."""


def workloads() -> dict[str, Workload]:
    """The pieces of work, by name. The longest is 60 s of speech."""
    found = (
        _speaking("shortest", 1, 3),
        _speaking("typical", 1, 301),
        _speaking("longest", 1, 2585),
        _speaking("batch", 8, 201),
        _speaking("deterministic", 1, 201, stochastic_durations=False),
        _speaking("speakers", 1, 201, n_speakers=4, speaker_width=16),
        _speaking(
            "languages", 1, 201, n_languages=3, language_width=4, n_speakers=4, speaker_width=16
        ),
        _cloning("cloning", SpeakerConfig()),
        _cloning("cloning-lstm", LSTM),
        Workload("training", "one step of both phases on 2 x 60 symbols, 2.3 s", _training),
    )
    return {work.name: work for work in found}


def _cloning(name: str, encoder: SpeakerConfig | LstmSpeakerConfig) -> Workload:
    def build(device: torch.device, full: bool = False) -> Callable[[], object]:
        sizes = encoder if full else replace(encoder, **_TOY_ENCODERS[type(encoder)])
        config = replace(FULL if full else TOY, speaker_width=sizes.width, unit_speakers=True)
        kind = "speaker_encoder" if isinstance(sizes, SpeakerConfig) else "speaker_lstm"
        model = random_model(replace(config, **{kind: sizes}), device)
        rng = np.random.default_rng(0)
        noise = [0.1 * rng.standard_normal(6 * RATE).astype(np.float32) for _ in range(2)]
        recordings = [Audio(samples, RATE) for samples in noise]

        def speak() -> object:
            voice = model.make_voice(recordings)
            batch = sentences([Tokens((1, 2, 3), (0, 0, 0))], voice, VitsOptions())
            return list(model.generate(batch, Noise(0)))

        return speak

    return Workload(name, "two recordings of 6 s heard as a voice, which speaks", build)


def random_model(config: VitsConfig, device: torch.device | str) -> VitsTTS:
    """Seeded weights that speak about two frames a symbol and use every layer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        names = tuple(f"l{row}" for row in range(config.n_languages))
        spec = replace(XTTS_LATENTS, sample_rate=22050, n_mels=config.latent_width)
        model = VitsTTS(config, spec, languages=names)
        for name, parameter in model.named_parameters():
            if ".end." in name:
                torch.nn.init.normal_(parameter, 0.0, 0.01)
        steady(model)
    return model.to(device).freeze()


def steady(model: VitsTTS) -> None:
    """Durations far from where they are rounded, so that devices agree on them."""
    durations: Any = model.durations
    wanted = math.log(FRAMES_PER_TOKEN - 0.5)
    if model.config.stochastic_durations:
        # the last step divides by exp(log_scale): noise becomes small beside the shift
        torch.nn.init.constant_(durations.affine.log_scale, 6.0)
        torch.nn.init.constant_(durations.affine.shift, -wanted * math.exp(6.0))
    else:
        torch.nn.init.normal_(durations.projection.weight, 0.0, 1e-3)
        torch.nn.init.constant_(durations.projection.bias, wanted)


def _tokens(count: int) -> Tokens:
    return Tokens(tuple(i % 200 if i % 2 else 0 for i in range(count)), (0,) * count)


def _speaking(name: str, rows: int, count: int, **changes: Any) -> Workload:
    def build(device: torch.device | str, full: bool = False) -> Callable[[], Any]:
        model = random_model(replace(FULL if full else TOY, **changes), device)
        said = sentences([_tokens(count)] * rows, model.voice(), VitsOptions())
        return lambda: list(model.generate(said, Noise(0, range(rows))))

    return Workload(name, f"{rows} x {count} symbols", build)


def _training(device: torch.device | str, full: bool = False) -> Callable[[], Any]:
    from vivavoce.models.vits.train import VitsLoss, VitsTask, VitsVoice

    sizes = {"posterior": True, "variational_durations": True}
    config = replace(FULL if full else TOY, **sizes, posterior_layers=16 if full else 2)
    narrow: dict[str, Any] = {"width": 32, "block_kernels": (3,), "block_dilations": ((1, 3),)}
    critics: dict[str, Any] = {
        "period_channels": (4, 4, 4),
        "scale_channels": (4, 4, 4),
        "scale_groups": (1, 2, 1),
    }
    features = replace(HIFIGAN_22K, f_max=None)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        decoder = decoders.config_of({"output_bias": False} | ({} if full else narrow))
        spec = replace(XTTS_LATENTS, sample_rate=22050, n_mels=config.latent_width)
        voice = VitsVoice(VitsTTS(config, spec), decoders.build(decoder, spec))
        task = VitsTask(voice, features, VitsLoss(**({} if full else critics))).to(device)
    generator = torch.Generator().manual_seed(0)
    batch = {
        "tokens": torch.randint(0, 200, (2, 60), generator=generator),
        "token_lengths": torch.tensor([60, 50]),
        "samples": 0.1 * torch.randn(2, 200 * 256, generator=generator),
        "sample_lengths": torch.tensor([200 * 256, 150 * 256]),
        "speakers": torch.zeros(2, dtype=torch.long),
    }
    batch = {name: rows.to(device) for name, rows in batch.items()}
    optimisers = {k: torch.optim.AdamW(part.parameters(), 2e-4) for k, part in task.parts().items()}

    def step() -> bool:
        for phase, optimiser in optimisers.items():
            optimiser.zero_grad()
            task(phase, batch, 0)[0].backward()
            optimiser.step()
        return True

    return step
