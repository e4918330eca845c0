"""The sections of gpu_check about speed: F5, XTTS, vocoders, training steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.gpu_check import Bench, Result
from benchmarks.gpu_right import LENGTHS, in_form, speaker, spoken
from vivavoce.audio.specs import BIGVGAN_24K, HIFIGAN_22K, XTTS_LATENTS
from vivavoce.config import to_dict
from vivavoce.models.base import sentences
from vivavoce.models.f5 import workloads as works
from vivavoce.models.f5.config import F5Options
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.f5.sampler import evaluations, guided
from vivavoce.models.glow import workloads as glow
from vivavoce.models.glow.train import GlowTask
from vivavoce.models.xtts.model import Xtts
from vivavoce.nn.alignment import maximum_path
from vivavoce.nn.noise import Noise
from vivavoce.nn.task import Batch, Task
from vivavoce.runtime import mixed_precision
from vivavoce.runtime.arithmetic import Arithmetic, portable
from vivavoce.types import FeatureSpec, Tokens
from vivavoce.vocoders.base import Vocoder, decode_windowed
from vivavoce.vocoders.bigvgan import workloads as bigvgan
from vivavoce.vocoders.bigvgan.model import Bigvgan
from vivavoce.vocoders.hifigan import workloads as hifigan
from vivavoce.vocoders.hifigan.config import V1
from vivavoce.vocoders.hifigan.model import Hifigan
from vivavoce.vocoders.vocos import workloads as vocos
from vivavoce.vocoders.vocos.config import VocosConfig
from vivavoce.vocoders.vocos.model import Vocos
from vivavoce.vocoders.vocos.train import build_task as vocos_task

FORMS = ("bfloat16", "float32")
FRAMES = (1125, 1875)
KNOWN_S = 6.0
EXPECTED_RTF = {("bfloat16", 1125, 16): 0.009, ("bfloat16", 1875, 32): 0.008}
"""Seconds per second of speech, once what is small and certain was done."""
BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
}


def f5(bench: Bench) -> Iterator[Result]:
    for form in FORMS:
        config = works.TOY if bench.toy else works.FULL
        model = works.random_model(config, bench.device, Arithmetic(getattr(torch, form)))
        yield from f5_lengths(bench, model, form)
        if form == "bfloat16":
            yield from f5_parts(bench, model, form)
        yield from f5_batches(bench, model, form)
        del model


def f5_lengths(bench: Bench, model: F5TTS, form: str) -> Iterator[Result]:
    for frames in FRAMES if not bench.toy else (60,):
        for steps in (16, 32, 7) if not bench.toy else (2,):
            if not bench.left:
                return
            seconds = frames / model.spec.frame_rate - KNOWN_S * (not bench.toy)
            run = partial(infill, model, [frames], steps)
            floor = bench.floor_s(partial(infill, model, [frames], 1), form) * steps
            rtf = EXPECTED_RTF.get((form, frames, steps))
            yield bench.speed(
                f"{form}, {frames} frames, {steps} steps",
                run,
                floor,
                expected=rtf and rtf * seconds,
            )
    if form == "bfloat16":  # a new length may cost a plan
        for n in range(bench.size(8, 1)):
            length = bench.size(1000, 50) + 37 * n
            floor = bench.floor_s(partial(infill, model, [length + 1], 1), form) * 16
            run = partial(infill, model, [length], bench.size(16, 2))
            yield bench.speed(f"{form}, {length} frames, new", run, floor, warm_ups=0, runs=1)


def f5_batches(bench: Bench, model: F5TTS, form: str) -> Iterator[Result]:
    rows, frames, steps = bench.size(16, 2), bench.size(1125, 60), bench.size(16, 2)
    ragged = [frames - 11 * row for row in range(rows)]
    for name, lengths in (("equal", [frames] * rows), ("ragged", ragged)):
        if not bench.left:
            return
        speech = sum(lengths) / model.spec.frame_rate / (1 if bench.toy else 2)
        floor = bench.floor_s(partial(infill, model, lengths, 1), form) * steps
        expected = 160.0 if form == "bfloat16" else None
        run = partial(infill, model, lengths, steps)
        yield bench.speed(
            f"{form}, {rows} rows, {name}", run, floor, unit="x time", per=speech,
            expected=expected, warm_ups=1, runs=3,
        )  # fmt: skip


def f5_parts(bench: Bench, model: F5TTS, form: str) -> Iterator[Result]:
    """One evaluation: its launches, each kernel of attention, the convolution of positions."""
    work = evaluation(bench, model, bench.size(1125, 60))
    floor = bench.floor_s(work, form)
    yield bench.speed("one evaluation", work, floor)
    if bench.cuda:
        yield Result("launches of an evaluation", launches(work), "kernels", 450.0, 740.0)
        for name, backend in BACKENDS.items():
            what = f"one evaluation, {name} attention"
            try:
                with sdpa_kernel([backend]):
                    found = bench.speed(what, work, floor)
            except RuntimeError as error:  # a kernel that this build or card does not have
                found = Result(what, 0.0, "s", floor, error=str(error).partition("\n")[0])
            yield found
    conv = model.backbone.input.position[0]
    given = torch.randn(2, model.config.dim, bench.size(1125, 60), device=bench.device)
    given = given.to(next(conv.parameters()).dtype)
    run = torch.inference_mode()(lambda: conv(given))
    yield bench.speed("convolution of positions", run, bench.floor_s(run, form))


@torch.inference_mode()
def evaluation(bench: Bench, model: F5TTS, frames: int) -> Callable[[], object]:
    known = torch.zeros(1, frames, model.spec.n_mels, device=bench.device)
    ids, options = torch.arange(20, device=bench.device) % 20, F5Options(steps=1, pruned=False)
    context = model.backbone.context(known, [ids], [frames], guided(options))
    schedule = model.backbone.schedule(evaluations(options).to(bench.device))
    first = [entry[0] for entry in schedule]
    return torch.inference_mode()(lambda: model.backbone(torch.randn_like(known), first, context))


def launches(work: Callable[[], object]) -> float:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as found:
        work()
    return float(sum(event.count for event in found.key_averages()))


def infill(model: F5TTS, lengths: list[int], steps: int) -> object:
    """Utterances of so many frames in all, 6 s of them known (1 s where that is too much)."""
    seconds = [n / model.spec.frame_rate for n in lengths]
    known = KNOWN_S if min(seconds) > 2 * KNOWN_S - 4 else 1.0
    voice = works.random_voice(known)
    tokens = [
        Tokens((0,), text="more words, said now. "[: 15 + row % 5]) for row in range(len(lengths))
    ]
    said = [
        sentences([one], voice, F5Options(steps=steps, duration_s=max(0.1, s - known)))[0]
        for one, s in zip(tokens, seconds, strict=True)
    ]
    return list(model.generate(said, Noise(0, range(len(said)))))


def xtts(bench: Bench) -> Iterator[Result]:
    codes = bench.size(120, 4)
    expected = {("bfloat16", 1): 700.0, ("bfloat16", 8): 5000.0, ("bfloat16", 64): 14000.0}
    for form in FORMS:
        model = speaker(bench, getattr(torch, form))
        width = 2 if form == "bfloat16" else 4
        weights = sum(p.numel() for p in model.gpt.blocks.parameters()) * width
        for rows in (1, 8, 64) if not bench.toy else (1, 2):
            if not bench.left:
                break
            said = tuple(LENGTHS[0] - row % 9 for row in range(rows))
            run = partial(spoken, model, said, codes, 0.75)
            floor = codes * weights / bench.rates["bytes"]
            yield bench.speed(
                f"{form}, {rows} rows of {codes} codes", run, floor, unit="codes/s",
                per=float(rows * codes), expected=expected.get((form, rows)), runs=3,
            )  # fmt: skip
        prefill = partial(spoken, model, LENGTHS[:1], 1)
        yield bench.speed(f"{form}, prompt and one code", prefill, weights / bench.rates["bytes"])
        if form == "bfloat16":
            yield from first_audio(bench, model)
        del model


def first_audio(bench: Bench, model: Xtts) -> Iterator[Result]:
    """Six codes and a window of the vocoder, and 64 sentences whole."""
    toy = {} if not bench.toy else hifigan.TOY
    width = model.config.speaker.width
    config = replace(hifigan.XTTS, condition_dim=width, **toy)
    spec = replace(XTTS_LATENTS, n_mels=model.config.width)
    decoder = Hifigan(config, spec).to(bench.device).freeze()
    condition = torch.randn(1, width, 1, device=bench.device)

    @torch.inference_mode()
    def heard(rows: int, codes: int) -> None:
        for row in spoken(model, tuple(LENGTHS[0] for _ in range(rows)), codes):
            decode_windowed(decoder, row[None].to(bench.device), condition=condition)

    floor = 0.010
    model.voice_caches.clear()
    model.gpt.spaces.free.clear()
    cold = bench.speed("first audio, cold", lambda: heard(1, 6), floor, warm_ups=0, runs=1)
    yield cold
    yield bench.speed("first audio, warm", lambda: heard(1, 6), floor, expected=0.04)
    rows, codes = bench.size(64, 2), bench.size(120, 4)
    speech = rows * codes / model.config.code_rate
    if bench.left:
        yield bench.speed(
            f"{rows} sentences with the vocoder", lambda: heard(rows, codes), speech / 2000,
            unit="x time", per=speech, expected=500.0, warm_ups=1, runs=2,
        )  # fmt: skip


def vocoders(bench: Bench) -> Iterator[Result]:
    made: dict[str, tuple[Vocoder, float]] = {
        "vocos": (
            Vocos(vocos.TOY if bench.toy else VocosConfig(), FeatureSpec()),
            0.001,
        ),
        "hifigan": (
            Hifigan(replace(V1, **(hifigan.TOY if bench.toy else {})), HIFIGAN_22K),
            0.012,
        ),
        "bigvgan": (
            Bigvgan(bigvgan.TOY if bench.toy else bigvgan.OFFICIAL, BIGVGAN_24K),
            0.040,
        ),
    }
    for name, (vocoder, expected) in made.items():
        vocoder = vocoder.to(bench.device).freeze()
        frames = round(bench.size(20, 1) * vocoder.accepts.frame_rate)
        mel = torch.randn(1, vocoder.accepts.n_channels, frames, device=bench.device)
        for form in ("exact", "tf32") if bench.cuda else ("exact",):
            for window in (None, 240):
                if not bench.left:
                    return
                run = torch.inference_mode()(
                    lambda v=vocoder, m=mel, w=window: decode_windowed(v, m, window_frames=w)
                )
                with in_form(bench, form):
                    floor = bench.floor_s(run, "float32")
                    wanted = expected if window is None else None
                    how = f"windows of {window}" if window else "its own windows"
                    yield bench.speed(f"{name}, {form}, {how}", run, floor, expected=wanted)


def training(bench: Bench) -> Iterator[Result]:
    """Steps on batches that lie on the device: what reading data costs is not in it."""
    for name, (task, batch) in {"glow": glow_step(bench), "vocos": vocos_step(bench)}.items():
        for form in FORMS if not bench.toy else FORMS[1:]:
            if not bench.left:
                return
            step = stepper(bench, task, batch, getattr(torch, form))
            floor, runs = bench.floor_s(step, form), bench.size(40, 1)
            expected = 0.03 if (name, form) == ("glow", "bfloat16") else None
            yield bench.speed(f"{name} step, {form}", step, floor, expected=expected, runs=runs)
    tokens, frames = bench.size(100, 9), bench.size(560, 20)
    score = torch.randn(bench.size(32, 2), tokens, frames, device=bench.device)
    lengths = (torch.full((len(score),), n, device=bench.device) for n in (tokens, frames))
    run = partial(maximum_path, score, *lengths)
    yield bench.speed("alignment of glow's batch", run, score.nbytes / 20e9, expected=0.013)


def stepper(bench: Bench, task: Task, batch: Batch, dtype: torch.dtype) -> Callable[[], None]:
    optimisers = {p: torch.optim.AdamW(m.parameters(), 1e-4) for p, m in task.parts().items()}

    def step() -> None:
        for phase, optimiser in optimisers.items():
            optimiser.zero_grad()
            with mixed_precision(bench.device, dtype):
                loss, _ = task(phase, batch, 1)
            loss.backward()
            optimiser.step()

    return step


def glow_step(bench: Bench) -> tuple[Task, Batch]:
    config = glow.TOY if bench.toy else glow.FULL
    model = glow.random_model(config, bench.device).requires_grad_(True).train()
    rows, tokens, frames = bench.size(32, 2), bench.size(100, 9), bench.size(516, 20)
    batch: dict[str, Any] = {
        "tokens": torch.randint(3, 100, (rows, tokens)),
        "token_lengths": torch.full((rows,), tokens),
        "features": torch.randn(rows, config.n_mels, frames),
        "feature_lengths": torch.full((rows,), frames),
        "speakers": torch.zeros(rows, dtype=torch.long),
    }
    return GlowTask(model), {k: v.to(bench.device) for k, v in batch.items()}


def vocos_step(bench: Bench) -> tuple[Task, Batch]:
    config = vocos.TOY if bench.toy else VocosConfig()
    narrow = {"discriminator_width": 0.05} if bench.toy else {}
    task = portable(vocos_task({"model": to_dict(config), "loss": narrow}).to(bench.device))
    rows, n = bench.size(16, 2), (task.segment_frames or 0) * task.spec.hop_length
    samples = 0.1 * torch.randn(rows, n, device=bench.device)
    lengths = torch.full((rows,), n, device=bench.device)
    return task, {"samples": samples, "sample_lengths": lengths}
