"""WaveRNN against the reference, on its draws; folds; official names; bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.tolerance import assert_near, assert_recorded
from vivavoce.audio.specs import COQUI_22K
from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.errors import BadCheckpoint, ConfigError, UsageError
from vivavoce.hub import build, library
from vivavoce.vocoders import VOCODERS
from vivavoce.vocoders.base import decode_windowed, stream_windows
from vivavoce.vocoders.wavernn.config import WavernnConfig
from vivavoce.vocoders.wavernn.importer import IMPORTER
from vivavoce.vocoders.wavernn.model import Wavernn
from vivavoce.vocoders.wavernn.workloads import TOY

MANIFEST = Path(__file__).parents[1] / "data" / "manifests" / "wavernn_default.json"
NAMES = ("mold", "bits", "upsample")


def built(recorded, batched: bool = False) -> Wavernn:
    sizes = recorded.meta["config"]
    folds = {"target_samples": sizes["target"], "overlap_samples": sizes["overlap"]}
    audio = {"hop_length": sizes["hop_length"], "num_mels": sizes["feat_dims"]}
    foreign = {"model_args": sizes, "audio": audio, "batched": batched, **folds}
    vocoder = Wavernn.build(IMPORTER.tables(foreign, recorded.weights, None)).eval()
    ours, dropped = IMPORTER.adapt(recorded.weights)
    strict_load(vocoder, ours)
    assert not dropped
    return vocoder


@pytest.fixture
def recorded(load_parity, name: str):
    return load_parity(f"zoo/wavernn_{name}_tiny")


def draws_of(recorded, prefix: str, parts: int) -> Callable:
    drawn = [recorded.inputs[k] for k in sorted(recorded.inputs) if k.startswith(f"{prefix}noise")]
    numbers = torch.cat([one.reshape(len(one), parts, -1) for one in drawn], 2).split(1)
    left = iter(numbers)

    def start(count: int):
        assert count == parts
        return lambda steps: torch.cat([next(left) for _ in range(steps)])

    return start


@pytest.mark.parity
@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_parity_of_what_the_mel_tells_and_of_every_step(recorded) -> None:
    vocoder, mel = built(recorded), recorded.inputs["mel"][0]
    samples = torch.arange(mel.shape[1] * vocoder.config.hop_length)[None]
    told = [track.at(samples) for track in vocoder.tracks(mel)]
    assert_recorded(told[0], recorded, "upsampled")
    if "aux" in recorded.outputs:
        assert_recorded(told[1], recorded, "aux")
    states, found = vocoder.start(1, mel), []
    for told_now, sample in zip(
        torch.cat(told, 2)[0], recorded.inputs["teacher_x"][0], strict=True
    ):
        logits, states = vocoder(sample.view(1, 1), told_now[None], states)
        found.append(logits)
    assert_recorded(torch.stack(found, 1), recorded, "teacher_logits")


@pytest.mark.parity
@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_parity_of_samples_in_one_part_and_in_several(recorded) -> None:
    mel = recorded.inputs["mel"][0]
    for output, prefix, parts in (("inference", "", 1), ("inference_batched", "batched.", 5)):
        vocoder = built(recorded, batched=parts > 1)
        found = vocoder.speak(mel, draws_of(recorded, prefix, parts))
        hop = vocoder.config.hop_length
        assert_recorded(found[:-hop], recorded, output)
        assert not found[-hop:].any()


def toy(config: WavernnConfig = TOY) -> Wavernn:
    torch.manual_seed(0)
    return Wavernn(config, replace(COQUI_22K, n_mels=8)).eval()


@torch.no_grad()
def test_streamed_and_batched_are_single() -> None:
    vocoder, mel = toy(), torch.randn(2, 8, 26)
    whole = decode_windowed(vocoder, mel)
    assert whole.shape[-1] == vocoder.n_samples(26)
    assert whole.abs().max() <= 2  # two parts may overlap
    assert_near(decode_windowed(vocoder, mel[1:]), whole[1:], 256)
    pieces = list(stream_windows(vocoder, mel.split(7, -1), 9))
    assert_near(torch.cat(pieces, -1), whole, 256)


@pytest.mark.parametrize("rates", [(4, 8, 8), (256,)])
@torch.no_grad()
def test_upsampling_in_windows_equals_one_pass(monkeypatch, rates: tuple[int, ...]) -> None:
    vocoder, mel = toy(replace(TOY, rates=rates)), torch.randn(8, 30)
    whole = vocoder.upsampled(mel)
    monkeypatch.setattr(Wavernn, "window_frames", 11)
    assert_near(vocoder.upsampled(mel), whole)


@torch.no_grad()
def test_the_smoothing_knows_two_frames_around_a_sample() -> None:
    vocoder, mel = toy(), torch.zeros(8, 9)
    mel[:, 4] = 1
    heard = vocoder.upsampled(mel)[0].nonzero()[:, 0]
    assert 2 * 256 <= heard.min() < 4 * 256 - 1
    assert 5 * 256 < heard.max() < 7 * 256


@pytest.mark.parametrize(
    ("total", "starts", "length"),
    [(408, [0, 84, 168, 252, 336], 108), (108, [0], 108), (109, [0, 84], 108), (1, [0], 1)],
)
def test_parts_lie_as_in_the_reference(total: int, starts: list[int], length: int) -> None:
    found, each = replace(TOY, fold=60, overlap=24).parts(total)
    assert (list(found), each) == (starts, length)
    assert replace(TOY, fold=0, overlap=0).parts(total) == (range(1), total)


def official() -> dict[str, torch.Tensor]:
    keys = json.loads(MANIFEST.read_text())["keys"]
    return {key: torch.empty(shape, device="meta") for key, shape in keys.items()}


def test_the_official_checkpoint_fits() -> None:
    foreign = official()
    assert VOCODERS.recognise(foreign) == "wavernn"
    said = {"model": "wavernn", "generator_model": "WaveRNN", "audio": {}, "model_args": {}}
    tables = IMPORTER.tables(said, foreign, None)
    with without_numbers():
        vocoder = Wavernn.build(tables)
    assert vocoder.config == WavernnConfig()
    ours, dropped = IMPORTER.adapt(foreign)
    strict_load(vocoder, ours)
    assert not dropped


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "gauss"}, "mode 'gauss' with 30 outputs"),
        ({"mode": 9}, "mode '9' with 30 outputs"),
        ({"num_res_blocks": 3}, "num_res_blocks"),
    ],
)
def test_other_settings_than_the_weights_have_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(BadCheckpoint, match=message):
        IMPORTER.tables({"audio": {}, "model_args": settings}, official(), None)


def test_half_a_checkpoint_and_strange_values_are_refused() -> None:
    half = {k: v for k, v in official().items() if not k.startswith("upsample.resnet.conv_in")}
    with pytest.raises(BadCheckpoint):
        IMPORTER.tables({"audio": {}}, half, None)
    with pytest.raises(ConfigError):
        IMPORTER.tables({"audio": {}, "target_samples": "many"}, official(), None)


@pytest.mark.parametrize(
    "bad",
    [{"rates": [4, 4]}, {"hints": 6}, {"bits": 40}, {"width": 0}, {"overlap": 12_000}],
)
def test_impossible_sizes_are_refused(bad: dict) -> None:
    with pytest.raises(ConfigError):
        Wavernn.build({"config": bad})


def test_a_speaker_is_refused() -> None:
    with pytest.raises(UsageError, match="no speaker"):
        toy().decode(torch.zeros(1, 8, 9), torch.zeros(1, 4, 1))


@pytest.mark.parity
def test_a_checkpoint_becomes_a_vocoder(load_parity, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    recorded = load_parity("zoo/wavernn_mold_tiny")
    audio = {"hop_length": 12, "num_mels": 20, "sample_rate": 22050}
    settings = {"model": "wavernn", "model_args": recorded.meta["config"], "audio": audio}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    torch.save({"model": recorded.weights, "step": 1}, tmp_path / "model_file.pth")
    folder = library.import_checkpoint(tmp_path / "model_file.pth", name="mine")
    stored = library.open_model(str(folder), "vocoder")
    assert stored.manifest["family"] == "wavernn"
    vocoder = build.vocoder(stored).freeze()
    with torch.no_grad():
        samples = decode_windowed(vocoder, recorded.inputs["mel"])
    assert samples.shape == (1, 34 * 12)
    assert samples.abs().max() > 0.1
