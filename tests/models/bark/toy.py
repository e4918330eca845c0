"""Bark at toy size: as it was recorded, and as its workloads have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vivavoce.audio.specs import ENCODEC_24K
from vivavoce.checkpoints.remap import strict_load
from vivavoce.models.bark.config import BarkConfig
from vivavoce.models.bark.importer import PARTS, adapt, gpt_config
from vivavoce.models.bark.model import Bark
from vivavoce.models.bark.stages import History
from vivavoce.models.bark.text import BarkTextConfig
from vivavoce.models.bark.workloads import TOY, random_model, random_voice

if TYPE_CHECKING:
    from tests.conftest import Parity
    from vivavoce.speech.engine import TTS


def loaded(parity: Parity) -> Bark:
    ours, dropped = adapt(parity.weights)
    assert not dropped
    said = parity.meta["config"]
    head_width = said["n_embd"] // said["n_head"]
    config = BarkConfig(
        **{part: gpt_config(ours, part, head_width) for part in PARTS},
        semantic_tokens=said["SEMANTIC_VOCAB_SIZE"],
        semantic_rate=said["SEMANTIC_RATE_HZ"],
        codes=said["CODEBOOK_SIZE"],
        text_offset=said["TEXT_ENCODING_OFFSET"],
        text_pad=said["TEXT_PAD_TOKEN"],
        semantic_infer=said["SEMANTIC_INFER_TOKEN"],
        coarse_pad=said["COARSE_SEMANTIC_PAD_TOKEN"],
        coarse_infer=said["COARSE_INFER_TOKEN"],
    )
    model = Bark(config, ENCODEC_24K, BarkTextConfig("[UNK] a")).eval()
    strict_load(model, ours)
    return model


def history_of(parity: Parity) -> History:
    return History(*(parity.inputs[f"history_{part}"] for part in PARTS))


def tiny_bark(seconds: float = 0.2) -> TTS:
    """A whole engine; an utterance has the length asked for, and no constant offset."""
    from vivavoce.runtime import select
    from vivavoce.speech.engine import TTS
    from vivavoce.vocoders.encodec.model import Encodec

    torch.manual_seed(2)
    vocoder = Encodec.build({"config": {"codes": 64, "hidden": 8, "width": 4}}).freeze()
    vocoder.last.weight -= vocoder.last.weight.mean(-1, keepdim=True)
    vocoder.last.bias.zero_()
    model = random_model(TOY, "cpu")
    return TTS("bark", model, vocoder, select("cpu"), {"duration_s": seconds})


def tiny_history(number: int = 0):
    return random_voice(TOY, 1.0, seed=number, name=f"voice {number}")
