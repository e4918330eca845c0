"""How fast a model speaks on this machine, as plain data."""

from __future__ import annotations

import time
from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING, Any

from vivavoce.errors import UsageError, VivavoceError
from vivavoce.types import OnProgress, no_progress

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS

TEXT = (
    "The kettle had just begun to sing when somebody knocked at the garden door, "
    "twice, and then went away again without a word."
)


def bench(
    model: str | None = None,
    *,
    vocoder: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    fast: bool = False,
    voice: str | None = None,
    text: str = TEXT,
    runs: int = 3,
    floor: bool = False,
    on_progress: OnProgress = no_progress,
) -> dict[str, Any]:
    """Load a model and speak `text` once to warm up (`cold`) and `runs` times; medians of these.

    Times in seconds; `rtf` is seconds of work per second of audio. `import_torch_s` is 0 where
    torch was there before. Memory is the most this process has held so far. `floor` adds what this
    CPU can do, and each stage's share of it; raises UsageError where a stage is not on the CPU.
    """
    begin = time.perf_counter()
    import torch  # noqa: F401 - timed apart from loading, which everybody who loads pays

    imported = time.perf_counter()
    from vivavoce.runtime import memory, peak_memory
    from vivavoce.runtime.placement import machine
    from vivavoce.speech.load import load

    tts = load(model, vocoder=vocoder, device=device, precision=precision, fast=fast)
    loaded = time.perf_counter()
    if floor:
        _require_cpu(tts.selection.name, tts.vocoder_selection.name)
    cold = measure(tts, text, voice)
    on_progress(1, runs + 1, "warm-up")
    timed = []
    for number in range(runs):
        timed.append(measure(tts, text, voice))
        on_progress(number + 2, runs + 1, f"run {number + 1}")
    place = tts.selection.device
    found = {
        "model": tts.name,
        "device": tts.selection.name,
        "reason": tts.selection.reason,
        "vocoder_device": tts.vocoder_selection.name,
        "machine": machine(tts.selection.name if tts.selection.engine == "mlx" else place),
        "text": text,
        "runs": runs,
        "audio_s": timed[0]["audio_s"],
        "import_torch_s": imported - begin,
        "load_s": loaded - imported,
        "first_audio_s": median(run["first_audio_s"] for run in timed),
        "rtf": median(run["rtf"] for run in timed),
        "stages_rtf": {
            stage: median(run["stages_s"][stage] / run["audio_s"] for run in timed)
            for stage in timed[0]["stages_s"]
        },
        "cold": {key: cold[key] for key in ("first_audio_s", "rtf")},
        "peak_memory_bytes": peak_memory(),
        "device_peak_memory_bytes": None if place.type == "cpu" else memory(place).peak,
    }
    return found | _shares(tts, text, voice, found) if floor else found


def _shares(tts: TTS, text: str, voice: str | None, found: dict[str, Any]) -> dict[str, Any]:
    """The machine's rates, and per stage the least time its products need over what it took."""
    from vivavoce.diagnose.floor import StageFloors, measure_floor

    stages = StageFloors(measure_floor())
    for _ in tts.stream(text, voice, stages=stages):
        pass
    return {
        "floor": asdict(stages.floor),
        "share_of_floor": {
            stage: round(seconds / found["audio_s"] / found["stages_rtf"][stage], 3)
            for stage, seconds in stages.seconds.items()
        },
    }


def _require_cpu(*devices: str) -> None:
    for name in devices:
        if name != "cpu":
            raise UsageError(f"--floor measures CPUs, not '{name}'.", "Use --device cpu.")


def measure(tts: TTS, text: str, voice: str | None = None) -> dict[str, Any]:
    """One run: seconds of audio, to the first piece, of work per second of audio, per stage."""
    from vivavoce.speech.session import Stages

    stages, samples, first = Stages(), 0, 0.0
    begin = time.perf_counter()
    for chunk in tts.stream(text, voice, stages=stages):
        first = first or time.perf_counter() - begin
        samples += len(chunk.samples)
    elapsed = time.perf_counter() - begin
    audio_s = samples / tts.sample_rate
    return {
        "audio_s": audio_s,
        "first_audio_s": first,
        "rtf": elapsed / audio_s,
        "stages_s": stages.seconds,
    }


def check_bundled(device: str = "auto") -> dict[str, Any]:
    """Whether the bundled voice loads and speaks, and how fast; its failure under `error`."""
    try:
        found = bench(device=device, runs=1)
    except VivavoceError as error:
        return {"error": str(error)}
    told = ("model", "device", "vocoder_device", "load_s", "first_audio_s", "rtf")
    return {key: found[key] for key in told}
