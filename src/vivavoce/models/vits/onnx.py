"""A VITS as nodes of an ONNX graph whose draws are inputs; its decoder is a vocoder of its own.

Piper's form, whose draws are made inside, is in `exports.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch.nn import functional

from vivavoce.checkpoints.onnx_layers import GraphFeatures, NoiseInput
from vivavoce.checkpoints.onnx_write import FLOAT, INT64, GraphWriter
from vivavoce.errors import UsageError
from vivavoce.models.vits.config import VitsOptions
from vivavoce.models.vits.model import VitsTTS
from vivavoce.models.vits.official_names import official
from vivavoce.models.vits.onnx_graph import Builder
from vivavoce.models.vits.prior import LONGEST_SYMBOL_S

CONTROLS = ("length_scale", "noise_scale", "duration_noise_scale")


def controls(options: VitsOptions) -> dict[str, float]:
    """The graph's control inputs for some options."""
    told = (1 / options.speed, options.noise_scale, options.duration_noise)
    return dict(zip(CONTROLS, told, strict=True))


def symbols(model: VitsTTS) -> Sequence[str]:
    """What each id means, where the model's rules say it."""
    return model.text_rules.symbols


def graph(g: GraphWriter, model: VitsTTS) -> GraphFeatures:
    """Inputs `ids` `[1, L]`, `noise` `[1, C, N]`, the controls, `sid` where there are speakers, and
    `duration_noise` `[1, 2, N]` where durations are drawn.

    Raises UsageError for a model with languages, or whose speakers come from recordings.
    """
    c = model.config
    if c.n_languages or (c.speaker_width and not c.n_speakers):
        raise UsageError(
            "A VITS with languages, or with speakers from recordings, cannot be exported to ONNX."
        )
    noises = [NoiseInput("noise", c.latent_width, "frames")]
    if c.stochastic_durations:
        noises.insert(0, NoiseInput("duration_noise", 2, "tokens"))
    theirs = official(model.state_dict())
    if c.unit_speakers and model.speakers is not None:
        theirs["emb_g.weight"] = functional.normalize(model.speakers.weight.detach())
    longest = LONGEST_SYMBOL_S * model.spec.frame_rate
    builder = Builder(c, None, theirs, g, tuple(noises), longest)
    ids = g.input("ids", INT64, (1, "tokens"))
    length, noise, rhythm = (g.input(name, FLOAT, (1,)) for name in CONTROLS)
    speaker = builder.speaker(g.input("sid", INT64, (1,))) if c.n_speakers else ""
    latents = builder.latents(ids, noise, length, rhythm, speaker)
    return GraphFeatures(latents, speaker, tuple(noises), CONTROLS)
