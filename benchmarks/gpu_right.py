"""The sections of gpu_check about what is right: ceilings, errors, recordings, waits, memory."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import torch
from torch import Tensor

from benchmarks.gpu_check import Bench, Result
from vivavoce.diagnose.selftest import TOLERANCE, difference, lower_fault, tensors
from vivavoce.models import MODELS
from vivavoce.models.base import sentences
from vivavoce.models.xtts import workloads as xtts
from vivavoce.models.xtts.config import XttsOptions
from vivavoce.models.xtts.model import Xtts
from vivavoce.nn.noise import Noise
from vivavoce.runtime import graphs
from vivavoce.runtime import memory as held_by
from vivavoce.runtime.arithmetic import Arithmetic
from vivavoce.runtime.float32 import exact_float32, set_float32
from vivavoce.types import Tokens, Workload
from vivavoce.vocoders import VOCODERS

ROOT = Path(__file__).resolve().parents[1]
CPU = torch.device("cpu")
TF32_ALLOWED = 5e-3
LENGTHS = (90, 72, 60, 33)
"""Tokens of sentences of different lengths."""


def ceilings(bench: Bench) -> Iterator[Result]:
    """What the hardware can do; the later floors are made of it."""
    print(f"torch {torch.__version__}, CUDA {torch.version.cuda}, {bench.device}")
    if bench.cuda:
        print(torch.cuda.get_device_name(bench.device), torch.backends.cudnn.version())
    copied = copies(bench)
    bench.rates["bytes"] = copied.value
    yield copied
    for form, full in (("bfloat16", 8192), ("float32", 4096)):
        side = bench.size(full, 64)
        dtype = getattr(torch, form)
        a, b = (torch.randn(side, side, device=bench.device, dtype=dtype) for _ in range(2))
        flops, best = 2.0 * side**3, bench.rates[form]
        with exact_float32(bench.device):
            found = bench.speed(
                f"{form} product", lambda a=a, b=b: a @ b, flops / best, unit="FLOP/s", per=flops
            )
        bench.rates[form] = found.value
        yield found


def copies(bench: Bench) -> Result:
    source = torch.zeros(bench.size(2**31, 2**20), dtype=torch.uint8, device=bench.device)
    target, moved = torch.empty_like(source), 2.0 * source.numel()
    floor = moved / bench.rates["bytes"]
    return bench.speed("copy", lambda: target.copy_(source), floor, unit="B/s", per=moved)


def correct(bench: Bench) -> Iterator[Result]:
    """Every piece of work at toy width and official head width, on the device and on the CPU."""
    works = MODELS.workloads() | VOCODERS.workloads()
    for name, work in works.items():
        if ".training" in name or not bench.left:
            continue
        if bench.toy and name not in ("f5.shortest", "f5.bfloat16", "vocos.shortest"):
            continue
        if exact := work.in_float32:
            fault = lower_fault(work, exact, bench.device)
            yield Result(f"{name} lower", float(bool(fault)), "faults", 0.0, ok=not fault)
            continue
        expected = outputs(work, CPU)
        for form, allowed in (("exact", TOLERANCE), ("tf32", TF32_ALLOWED)):
            if form == "tf32" and not bench.cuda:
                continue
            with in_form(bench, form):
                error = difference(expected, outputs(work, bench.device))
            yield Result(f"{name} {form}", error, "of peak", allowed, ok=error <= allowed)
    if bench.cuda and bench.left:
        code = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "cuda", "tests/runtime"]
        failed = subprocess.run(code, cwd=ROOT, check=False, timeout=60).returncode
        yield Result("the suite's GPU tests", float(failed), "exit code", 0.0, ok=not failed)


@contextmanager
def in_form(bench: Bench, form: str) -> Iterator[None]:
    set_float32(bench.device, tf32=form == "tf32")
    try:
        yield
    finally:
        set_float32(bench.device)


@torch.inference_mode()
def outputs(work: Workload, device: torch.device) -> list[Tensor]:
    return list(tensors(work.build(device)()))


def replays(bench: Bench) -> Iterator[Result]:
    """Recorded steps of XTTS: the same codes as eager ones, alone, together and in two threads."""
    made: list[float] = []
    recorded = graphs.recorded

    def counted(work: graphs.Work, example: Tensor, pool: graphs.Pool | None = None) -> graphs.Work:
        begin = time.perf_counter()
        found = recorded(work, example, pool)
        made.append(time.perf_counter() - begin)
        return found

    model = speaker(bench, torch.float32)
    codes = bench.size(200, 6)
    graphs.recorded = counted  # benchmarks watch what users do not see
    try:
        before = used(bench)
        first = spoken(model, LENGTHS[:1], codes)
        one, size = list(made), used(bench) - before
        yield same("a second utterance gives the same", first, spoken(model, LENGTHS[:1], codes))
        again = float(len(made) - len(one))
        yield Result("recordings of a second utterance", again, "", 0.0, 0.0, ok=again == 0)
        if one:
            yield Result("seconds a recording", sum(one) / len(one), "s", 0.002, 0.03, n=len(one))
            yield Result("bytes of recordings and cache", float(size), "B", 0.0)
        yield same("eager codes are the recorded ones", first, eagerly(model, codes))
        alone = [spoken(model, (n,), codes)[0] for n in LENGTHS]
        yield same("four lengths at once are each alone", alone, spoken(model, LENGTHS, codes))
        yield same("two threads do not hear each other", alone[:2], in_threads(model, codes))
    finally:
        graphs.recorded = recorded


def same(name: str, one: list[Tensor], other: list[Tensor]) -> Result:
    """The largest difference of states; where codes differ it is large."""
    equal = [a.shape == b.shape for a, b in zip(one, other, strict=True)]
    error = difference(one, other) if all(equal) else 1.0
    return Result(name, error, "of peak", TOLERANCE, ok=error <= TOLERANCE)


def eagerly(model: Xtts, codes: int) -> list[Tensor]:
    records, graphs.records = graphs.records, lambda device: False
    try:
        return spoken(model, LENGTHS[:1], codes)
    finally:
        graphs.records = records


def in_threads(model: Xtts, codes: int) -> list[Tensor]:
    found: dict[int, Tensor] = {}

    def speak(n: int) -> None:
        found[n] = spoken(model, (n,), codes)[0]

    threads = [Thread(target=speak, args=(n,)) for n in LENGTHS[:2]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[n] for n in LENGTHS[:2]]


def speaker(bench: Bench, dtype: torch.dtype) -> Xtts:
    config = xtts.TOY if bench.toy else xtts.FULL
    return xtts.random_model(config, bench.device, Arithmetic(dtype))


def spoken(
    model: Xtts, lengths: tuple[int, ...], codes: int, temperature: float = 0.0
) -> list[Tensor]:
    """The features of each sentence, on the CPU."""
    options = XttsOptions(max_codes=codes, temperature=temperature)
    tokens = [Tokens(tuple(5 + i % 90 for i in range(n)), (0,) * n) for n in lengths]
    said = sentences(tokens, xtts.random_voice(model.config), options)
    parts = list(model.generate(said, Noise(0, range(len(lengths)))))
    values = torch.cat([part.values for part in parts], dim=-1)
    return [row.cpu() for row in values]


def waits(bench: Bench) -> Iterator[Result]:
    """How often Python waits for the device in one utterance of a family, and where most."""
    works = MODELS.workloads() | VOCODERS.workloads()
    names = [n for n in works if n.endswith((".shortest", ".training"))]
    for name in names if not bench.toy else names[:2]:
        if not bench.left:
            return
        run = works[name].build(bench.device)
        run()
        places = synchronisations(bench, run)
        most = ", ".join(f"{where} x {n}" for where, n in places.most_common(3))
        print(f"          {name}: {most or 'nowhere'}")
        yield Result(name, float(places.total()), "waits", 1.0)


def synchronisations(bench: Bench, run: Callable[[], object]) -> Counter[str]:
    places: Counter[str] = Counter()
    if not bench.cuda:
        run()
        return places
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for warning in caught:
        if "synchroniz" in str(warning.message):
            short = re.sub(r".*/(vivavoce|torch)/", r"\1/", warning.filename)
            places[f"{short}:{warning.lineno}"] += 1
    return places


def memory(bench: Bench) -> Iterator[Result]:
    """What a service holds after utterances of all lengths."""
    model = speaker(bench, torch.bfloat16)
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    draw = random.Random(0)
    count = 0
    while bench.left and count < bench.size(50, 2):
        count += 1
        spoken(model, (draw.randint(3, 200),), draw.randint(2, bench.size(60, 3)))
    yield Result("allocated after utterances", float(used(bench)), "B", float(weights), n=count)
    if bench.cuda:
        peak = torch.cuda.max_memory_reserved(bench.device)
        yield Result("most reserved", float(peak), "B", float(weights), n=count)


def used(bench: Bench) -> int:
    return held_by(bench.device).used or 0
