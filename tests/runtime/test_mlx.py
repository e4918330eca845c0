"""MLX in torch's place, at toy size on the CPU: the same flow, codes and samples."""

import copy
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.models.f5.toy import KINDS, toy
from tests.models.xtts.reference import gpt_of
from tests.models.xtts.sampled import sampled
from tests.tiny import tiny_f5_folders, tiny_f5_model, tiny_folders, tiny_vocoder, tiny_voice
from tests.tolerance import assert_near
from vivavoce.audio.specs import VOCOS_24K
from vivavoce.diagnose import selftest
from vivavoce.errors import UnsupportedDevice, UsageError
from vivavoce.hub import library
from vivavoce.models import MODELS
from vivavoce.models.f5.config import F5Options
from vivavoce.models.f5.sampler import evaluations, guided, sample
from vivavoce.nn.gpt_decode import GptDecoder, GptPrompt
from vivavoce.runtime import Selection
from vivavoce.runtime.placement import Measurement, place_pair, recall, remember
from vivavoce.runtime.turns import APPLE_GPU
from vivavoce.speech.engine import TTS
from vivavoce.speech.load import load
from vivavoce.train.distributed import Group
from vivavoce.train.recipe import DataConfig, LoopConfig, OptimConfig, Recipe
from vivavoce.train.run import assemble
from vivavoce.types import no_progress
from vivavoce.vocoders import VOCODERS
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
        assert_near(torch.from_numpy(one.samples), torch.from_numpy(alone.samples))


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


@pytest.mark.slow
def test_many_utterances_leave_nothing():
    tts, voice = engine(True), tiny_voice()
    draw = np.random.default_rng(1)
    for _ in range(40):  # of new lengths in part: what is kept for a length would stay
        tts.speak("one " * int(draw.integers(1, 9)), voice, steps=1, on_problem="warn")
        assert mx.get_cache_memory() == 0


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
    assert_near(torch.from_numpy(np.concatenate(pieces)), torch.from_numpy(whole))


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    return tiny_f5_folders(tmp_path)


def placed(tts):
    return tts.selection.name, tts.vocoder_selection.name


def test_the_device_mlx(folders):
    tts = load(folders[0], device="mlx")
    assert placed(tts) == ("mlx", "mlx")
    assert (tts.selection.device.type, tts.model.device.type) == ("cpu", "cpu")
    assert "torch on the CPU" in tts.selection.reason
    found = tts.speak("Some words.", tiny_voice(), seed=3, on_problem="warn")
    expected = load(folders[0], device="cpu", precision="float32").speak(
        "Some words.", tiny_voice(), seed=3, on_problem="warn"
    )
    assert np.abs(found.samples - expected.samples).max() <= 1e-5
    lower = load(folders[0], device="mlx", precision="bfloat16")
    assert lower.selection.dtype == torch.bfloat16
    assert len(lower.speak("Some words.", tiny_voice(), on_problem="warn").samples) > 1000


def nothing_to_train(folder):
    return Recipe(
        name="toy",
        family="glow",
        output=folder,
        data=DataConfig(sources=()),
        optim=OptimConfig(steps=1),
        loop=LoopConfig(batch_size=1),
    )


def test_nobody_else_imports_it():
    code = "import sys, vivavoce; vivavoce.load(device='cpu'); print('mlx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_what_mlx_does_not_compute(folders, tmp_path):
    with pytest.raises(UnsupportedDevice, match="family 'glow' do not support MLX"):
        load(tiny_folders(tmp_path)[0], device="mlx")
    with pytest.raises(UsageError, match="does not support int8 weights"):
        load(folders[0], device="mlx", precision="int8")
    with pytest.raises(UsageError, match="No precision is called 'int9'"):
        load(folders[0], device="mlx", precision="int9")
    with pytest.raises(UnsupportedDevice, match="The vocoder Bigvgan does not support MLX"):
        VOCODERS.workloads()["bigvgan.shortest"].build("mlx")
    with pytest.raises(UnsupportedDevice, match="Training on mlx is not implemented"):
        assemble(nothing_to_train(tmp_path), "mlx", Group(), no_progress)


def test_mps_and_mlx_in_one_process(folders, monkeypatch):
    monkeypatch.setattr(APPLE_GPU, "claimed", "mps")
    with pytest.raises(
        UnsupportedDevice, match="mps is in use; mlx cannot be used in the same process"
    ):
        load(folders[0], device="mlx")


def test_both_in_one_engine_are_refused(monkeypatch):
    monkeypatch.setattr(APPLE_GPU, "claimed", "")
    mps = Selection(torch.device("mps"), torch.float32, "")
    with pytest.raises(UnsupportedDevice, match="mlx is in use; mps cannot be used"):
        TTS("toy", tiny_f5_model(), tiny_vocoder(), MLX, {}, mps)


STAGES = ("acoustic.f5", "vocoder.vocos")
FASTER = Measurement(1e-6, 1e-4, cpu_s=3.0, device_s=1.0)
SLOWER = Measurement(1e-6, 1e-4, cpu_s=3.0, device_s=4.0)
WRONG = Measurement(0.3, 1e-4, cpu_s=3.0, device_s=1.0)
FASTER_YET = Measurement(1e-6, 1e-4, cpu_s=3.0, device_s=0.5)


@pytest.mark.parametrize(
    ("on_mlx", "on_mps", "expected"),
    [
        ((None, None), (None, None), ("mps", "mps")),
        ((FASTER, None), (None, None), ("mps", "mps")),
        ((FASTER, FASTER), (SLOWER, SLOWER), ("mlx", "mlx")),
        ((FASTER, WRONG), (SLOWER, SLOWER), ("mlx", "cpu")),
        ((WRONG, SLOWER), (FASTER, FASTER), ("mps", "mps")),
        ((FASTER, FASTER), (FASTER_YET, FASTER_YET), ("mps", "mps")),
        ((FASTER, WRONG), (FASTER_YET, FASTER), ("mps", "mps")),
        ((FASTER_YET, FASTER), (FASTER, FASTER), ("mlx", "mlx")),
    ],
)
def test_what_auto_chooses(tmp_path, on_mlx, on_mps, expected):
    mps = torch.device("mps")
    for stage, ours, theirs in zip(STAGES, on_mlx, on_mps, strict=True):
        remember(tmp_path, "mlx", stage, ours)
        remember(tmp_path, mps, stage, theirs)
    found = place_pair(STAGES, "auto", Selection(mps, torch.float32, "MPS found"), tmp_path)
    assert tuple(one.device.type if one.name != "mlx" else "mlx" for one in found) == expected
    asked = place_pair(STAGES, "mps", Selection(mps, torch.float32, "MPS asked for"), tmp_path)
    assert [one.name for one in asked] == ["mps", "mps"]


def test_mlx_that_was_wrong_is_obeyed_with_a_warning(tmp_path):
    remember(tmp_path, "mlx", STAGES[0], WRONG)
    wrong, unknown = place_pair(STAGES, "mlx", MLX, tmp_path)
    assert wrong.reason == "asked for; warning: mlx gave wrong numbers in the self-test (0.3)"
    assert unknown is MLX


def test_the_self_test(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    few = {"f5": MODELS, "vocos": VOCODERS}
    for family, table in few.items():
        works = {f"{family}.shortest": table.workloads()[f"{family}.shortest"]}
        works |= {"glow.shortest": table.workloads()["glow.shortest"]} if family == "f5" else {}
        monkeypatch.setattr(table, "workloads", lambda works=works: works)
    monkeypatch.setattr(library, "installed", list)
    found = selftest.self_test("mlx")
    assert found["device"] == "mlx"
    assert f"mlx {mx.__version__}" in found["machine"]
    assert [row["stage"] for row in found["stages"]] == ["acoustic.f5", "vocoder.vocos"]
    assert all(row["right"] and row["tolerance"] == 1e-4 for row in found["stages"])
    assert recall(tmp_path, "mlx", "acoustic.f5").right


@pytest.mark.parametrize(
    ("chip", "expected"),
    [("Apple M4 Max", False), ("Apple M5", True), ("Apple M12 Pro", True), ("AMD EPYC", False)],
)
def test_chips_that_round_products(chip, expected):
    assert selftest.rounds_to_tf32(chip) is expected


@pytest.fixture
def recorded(load_parity):
    return load_parity("xtts_gpt_tiny")


def prompt_of(gpt, parity, n_text=None):
    ids = parity.inputs["text"][:, :n_text]
    latents = parity.outputs["cond_latents"]
    return GptPrompt(torch.cat([latents, gpt.text(ids), gpt.start(ids.device)], dim=1))


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


def test_a_server_knows_what_a_row_of_it_holds():
    from vivavoce.models.xtts.workloads import TOY, random_weights

    model = random_weights(TOY).on_mlx(torch.bfloat16)
    cache = model.gpt.cache(1)
    cache.reserve(model.gpt.most_positions)
    assert model.row_bytes == sum(layer.nbytes for layer in cache.arrays)


def test_steps_from_several_threads(recorded):
    """What one thread leaves behind another goes on with: nothing in it waits to be computed."""
    options = sampled(temperature=0.0, repetition_penalty=5.0)
    theirs, ours = gpts(recorded)
    expected = decoded(theirs, recorded, options, count=12)[0].codes
    decoding = GptDecoder(ours, 2)
    first = decoding.add(prompt_of(ours, recorded), options, torch.zeros(12))
    while decoding.sequences:
        thread = threading.Thread(target=decoding.step)
        thread.start()
        thread.join(30)
    assert first.codes == expected


@pytest.mark.parametrize("penalty", [1.0, 5.0, 10.0])
def test_eight_bit_weights(recorded, penalty):
    """The recorded prompt: of others random weights let a near tie fall the other way."""
    options = sampled(temperature=0.0, repetition_penalty=penalty)
    theirs, ours = gpts(recorded, int8=True)
    expected, found = decoded(theirs, recorded, options), decoded(ours, recorded, options)
    assert found[0].codes == expected[0].codes
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
