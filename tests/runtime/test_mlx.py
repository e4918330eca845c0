"""MLX in torch's place, at toy size on the CPU: the same flow, codes and samples."""

import copy
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.models.f5.toy import KINDS, toy
from tests.models.xtts.reference import gpt_of
from tests.models.xtts.sampled import sampled
from tests.tiny import tiny_f5_model, tiny_vocoder, tiny_voice
from vivavoce.audio.specs import VOCOS_24K
from vivavoce.models.f5.sampler import evaluations, guided, sample
from vivavoce.models.f5.config import F5Options
from vivavoce.models.xtts.decode import GptDecoder, XttsPrompt
from vivavoce.runtime import Selection
from vivavoce.speech.engine import TTS
from vivavoce.vocoders.bigvgan.workloads import workloads as bigvgan
from vivavoce.vocoders.hifigan.config import HifiganConfig
from vivavoce.vocoders.hifigan.model import Hifigan
from vivavoce.vocoders.hifigan.workloads import TOY as HIFIGAN
from vivavoce.vocoders.vocos.config import VocosConfig
from vivavoce.vocoders.vocos.model import Vocos

mx = pytest.importorskip("mlx.core")
LIMIT = 5e-6
MLX = Selection(torch.device("cpu"), torch.float32, "asked for", "mlx")


def largest(found, expected):
    assert found.shape == expected.shape
    return float((found - expected).abs().max())


def trajectory(model, options, lengths):
    generator = torch.Generator().manual_seed(1)
    n, mels = max(lengths), model.config.n_mels
    x = torch.randn(len(lengths), n, mels, generator=generator)
    given = torch.randn(len(lengths), n, mels, generator=generator)
    given[:, n // 2 :] = 0
    ids = [torch.arange(length // 4) % model.config.n_tokens for length in lengths]
    with torch.inference_mode():
        context = model.backbone.context(given, ids, lengths, guided(options))
        schedule = model.backbone.schedule(evaluations(options))
        return sample(model.backbone, x, context, schedule, options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lengths", [[40], [40, 31]])
def test_flows(kind, lengths):
    options = F5Options(steps=3, pruned=False, method="midpoint")
    expected = trajectory(toy(kind), options, lengths)
    found = trajectory(toy(kind, "mlx"), options, lengths)
    for row, length in enumerate(lengths):
        assert largest(found[row, :length], expected[row, :length]) <= LIMIT


def test_torch_lets_go_of_what_moved():
    model = tiny_f5_model()
    before = sum(p.numel() for p in model.backbone.blocks.parameters())
    model.on_mlx()
    kept = sum(p.numel() for p in model.backbone.blocks.parameters())
    modulation = sum(p.numel() for n, p in model.named_parameters() if ".modulation." in n)
    assert kept < before
    assert kept <= modulation


def engine(on_mlx):
    model, vocoder = tiny_f5_model(), tiny_vocoder(3.0)
    steps = {"steps": 2, "pruned": False}
    if on_mlx:
        return TTS("toy", model.on_mlx(), vocoder.on_mlx(), MLX, steps)
    cpu = replace(MLX, engine="torch")
    return TTS("toy", model.freeze(), vocoder.freeze(), cpu, steps)


TEXTS = ["Some words.", "Some other words, and more of them.", "Nothing was said."]


def test_the_whole_engine():
    expected, tts = engine(False), engine(True)
    voice = tiny_voice()
    found = tts.speak(TEXTS[1], voice, seed=3, on_problem="warn")
    ours = expected.speak(TEXTS[1], voice, seed=3, on_problem="warn")
    assert np.abs(found.samples - ours.samples).max() <= 1e-5
    together = tts.batch(TEXTS, voice, seed=3, on_problem="warn")
    for text, one in zip(TEXTS, together, strict=True):
        alone = tts.speak(text, voice, seed=3, on_problem="warn")
        assert np.array_equal(one.samples, alone.samples)


def test_nothing_is_kept_after_an_utterance():
    tts, voice = engine(True), tiny_voice()
    before = mx.set_cache_limit(1 << 33), mx.set_memory_limit(1 << 40)
    try:
        for count in range(1, 6):
            tts.speak("word " * count + "end.", voice, on_problem="warn")
            assert mx.get_cache_memory() == 0
        assert (mx.set_cache_limit(before[0]), mx.set_memory_limit(before[1])) == (1 << 33, 1 << 40)
    finally:
        mx.set_cache_limit(before[0])
        mx.set_memory_limit(before[1])


def test_several_threads_and_a_stream_that_changes_hands():
    tts, voice = engine(True), tiny_voice()
    expected = {text: tts.speak(text, voice, on_problem="warn").samples for text in TEXTS}
    results, errors = {}, []

    def work(text):
        try:
            results[text] = tts.speak(text, voice, on_problem="warn").samples
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(text,)) for text in TEXTS]
    stream = tts.stream(" ".join(TEXTS), voice, on_problem="warn")
    whole = tts.speak(" ".join(TEXTS), voice, on_problem="warn").samples
    pieces = [next(stream).samples]
    threads.append(threading.Thread(target=lambda: pieces.extend(c.samples for c in stream)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert all(np.array_equal(results[text], expected[text]) for text in TEXTS)
    assert np.array_equal(np.concatenate(pieces), whole)


@pytest.fixture
def recorded(load_parity):
    return load_parity("xtts_gpt_tiny")


def prompt_of(gpt, parity, n_text=None):
    ids = parity.inputs["text"][:, :n_text]
    latents = parity.outputs["cond_latents"]
    return XttsPrompt(torch.cat([latents, gpt.text(ids), gpt.start(ids.device)], dim=1))


def gpts(parity, **how):
    from vivavoce.models.xtts.mlx import engine as on_mlx
    from vivavoce.runtime.mlx import MlxFormat

    theirs = gpt_of(parity)
    theirs.code_head.bias[theirs.config.stop_code] = -1e9
    ours = copy.deepcopy(theirs)
    ours.engine = on_mlx(ours, MlxFormat(**how))
    return theirs, ours


def decoded(gpt, parity, options, count=40):
    generator = torch.Generator().manual_seed(2)
    with torch.inference_mode():
        decoding = GptDecoder(gpt, 3)
        rows = []
        for n_text in (None, 3, 5):  # they join at different codes
            uniform = torch.rand(count, generator=generator)
            rows.append(decoding.add(prompt_of(gpt, parity, n_text), options, uniform))
            for _ in range(4):
                decoding.step()
        while decoding.sequences:
            decoding.step()
    return rows


@pytest.mark.parametrize(
    "options",
    [
        sampled(temperature=0.0, repetition_penalty=1.0),
        sampled(temperature=0.0, repetition_penalty=5.0),
        sampled(temperature=0.0, repetition_penalty=10.0),
        sampled(temperature=0.8, repetition_penalty=5.0),
    ],
)
def test_codes(recorded, options):
    theirs, ours = gpts(recorded)
    for expected, found in zip(
        decoded(theirs, recorded, options), decoded(ours, recorded, options), strict=True
    ):
        assert found.codes == expected.codes
        assert len(found.codes) == 40
        assert largest(found.latents(), expected.latents()) <= LIMIT


def test_eight_bit_weights(recorded):
    options = sampled(temperature=0.0, repetition_penalty=5.0)
    theirs, ours = gpts(recorded, int8=True)
    expected, found = decoded(theirs, recorded, options), decoded(ours, recorded, options)
    assert [row.codes for row in found] == [row.codes for row in expected]
    assert 1e-5 < largest(found[0].latents(), expected[0].latents()) < 0.2


@pytest.mark.parametrize("spec", [VOCOS_24K, replace(VOCOS_24K, framing="same", n_fft=1000,
                                                     win_length=1000)])  # fmt: skip
def test_vocos(spec):
    torch.manual_seed(1)
    vocoder = Vocos(VocosConfig(dim=16, hidden_dim=24, n_layers=2), spec).freeze()
    features = torch.randn(2, spec.n_mels, 20)
    expected = vocoder.decode(features)
    ours = vocoder.on_mlx()
    assert largest(ours.decode(features), expected) <= LIMIT
    assert ours.n_samples(20) == vocoder.n_samples(20) == expected.shape[1]


@pytest.mark.parametrize(
    "changes", [{}, {"block": 2}, {"condition_dim": 6, "condition_stages": True}]
)
def test_hifigan(changes):
    torch.manual_seed(1)
    vocoder = Hifigan(replace(HifiganConfig(**HIFIGAN), **changes), VOCOS_24K).freeze()
    features = torch.randn(2, 100, 12)
    speaker = torch.randn(2, 6, 1) if changes.get("condition_dim") else None
    expected = vocoder.decode(features, speaker)
    assert largest(vocoder.on_mlx().decode(features, speaker), expected) <= LIMIT
