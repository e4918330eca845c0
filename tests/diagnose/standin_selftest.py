"""Run in a process of its own: the self-test on a stand-in mps:0 whose GELU is a tenth too large.

Prints as JSON what was found and where a Glow-TTS that speaks through Vocos then goes.
"""

from __future__ import annotations

import json

import numpy as np
import torch

from mpsaudit.device_standin import standin
from tests.tiny import tiny_folders
from vivavoce.converters import CONVERTERS
from vivavoce.diagnose import selftest
from vivavoce.hub import library
from vivavoce.hub import paths as cache
from vivavoce.models import MODELS
from vivavoce.runtime.placement import Measurement, remember
from vivavoce.speech.load import load
from vivavoce.vocoders import VOCODERS

KEPT = ("f5.shortest", "glow.shortest", "hifigan.shortest", "vocos.shortest")
TEXT = "Hello there."


def report() -> dict[str, object]:
    standin(wrong={"aten::gelu": 1.1})
    for table in (MODELS, VOCODERS, CONVERTERS):
        few = {name: work for name, work in table.workloads().items() if name in KEPT}
        table.workloads = lambda few=few: few
    library.installed = list
    stages = selftest.self_test("mps")["stages"]
    model, vocoder = tiny_folders(cache.folder() / "toys")
    chosen, told, cpu = (load(model, vocoder=vocoder, device=d) for d in ("auto", "mps", "cpu"))
    one, other = (tts.speak(TEXT).samples for tts in (chosen, cpu))
    remember(cache.folder(), torch.device("mps"), "acoustic.glow", Measurement(failure="a test"))
    remember(cache.folder(), torch.device("mps"), "vocoder.vocos", None)
    swapped = load(model, vocoder=vocoder)
    return {
        "right": {stage["stage"]: stage["right"] for stage in stages},
        "chosen": placed(chosen),
        "told": placed(told),
        "swapped": placed(swapped),
        "reason": chosen.vocoder_selection.reason,
        "warning": told.vocoder_selection.reason,
        "difference": float(np.abs(one - other).max()),
        "peak": float(np.abs(other).max()),
        "spoken": len(swapped.speak(TEXT).samples) == len(other) == len(one),
    }


def placed(tts: object) -> list[str]:
    parts = tts.model, tts.vocoder
    return [next(part.parameters()).device.type for part in parts]


if __name__ == "__main__":
    print(json.dumps(report()))
