"""Voices written for other programs: what onnxruntime makes of them, and back again."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.models.vits.official import Recorded, close, tokens
from tests.models.vits.toy import CONFIG, DECODER, TRAINED, manifest_of, toy
from vivavoce.checkpoints import onnx_graph
from vivavoce.checkpoints.onnx_write import content, number
from vivavoce.config import to_dict
from vivavoce.errors import OutputError, UsageError
from vivavoce.hub import library
from vivavoce.models.base import Sentence
from vivavoce.models.vits.config import VitsOptions
from vivavoce.models.vits.exports import to_piper
from vivavoce.models.vits.hf_export import hf_names, to_hugging_face
from vivavoce.models.vits.names import adapt
from vivavoce.models.vits.names import official as folded
from vivavoce.models.vits.official_names import official
from vivavoce.vocoders.base import decode_windowed
from vivavoce.vocoders.hifigan.model import Hifigan

CONFIGS = {
    "plain": CONFIG,
    "speakers": replace(CONFIG, n_speakers=3, speaker_width=6),
    "deterministic": replace(CONFIG, stochastic_durations=False),
    "trained": TRAINED,
}
IDS = torch.tensor([1, 0, 8, 0, 12, 0, 15, 0, 15, 0, 18, 0, 2])


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))


def whole(name: str):
    model, vocoder = toy(CONFIGS[name])
    tensors = dict(model.state_dict())
    tensors |= {f"vocoder.{k}": v for k, v in vocoder.state_dict().items()}
    return model, vocoder, manifest_of(model, vocoder), tensors


def by_onnxruntime(file: Path, feeds: dict, noises: dict) -> np.ndarray:
    """The graph run with its two draws given instead of drawn."""
    runtime = pytest.importorskip("onnxruntime")
    data = file.read_bytes()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(
        with_noise(data, noises), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, feeds | noises)[0]


def with_noise(data: bytes, noises: dict) -> bytes:
    """Without the nodes that draw: their results are inputs."""
    from vivavoce.checkpoints.protobuf import fields

    model = b""
    for outer in fields(memoryview(data)):
        if outer.number != 7:
            model += rewritten(outer)
            continue
        graph = b"".join(
            rewritten(inner)
            for inner in fields(outer.content)
            if not (
                inner.number == 1
                and b"RandomNormalLike" in inner.content.tobytes()
                and any(
                    n.encode()
                    in b"".join(f.content.tobytes() for f in fields(inner.content) if f.number == 2)
                    for n in noises
                )
            )
        )
        for name, array in noises.items():
            sides = b"".join(content(1, number(1, side)) for side in array.shape)
            tensor = number(1, 1) + content(2, sides)
            graph += content(11, content(1, name) + content(2, content(1, tensor)))
        model += content(7, graph)
    return model


def rewritten(field) -> bytes:
    return (
        content(field.number, field.content.tobytes())
        if field.wire == 2
        else number(field.number, field.value)
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_onnxruntime_says_the_same(name, tmp_path):
    model, vocoder, manifest, tensors = whole(name)
    file, _ = to_piper(manifest, tensors, tmp_path / "voice.onnx")
    speed, noise, rhythm = 0.8, 0.6, 0.7
    options = VitsOptions(speed=speed, noise_scale=noise, duration_noise=rhythm)
    generator = torch.Generator().manual_seed(3)
    drawn_w = torch.randn(1, 2, len(IDS), generator=generator)
    stochastic = model.config.stochastic_durations
    silent = Recorded(*([drawn_w] if stochastic else []))
    voice = model.voice("2") if model.config.n_speakers else model.voice()
    quiet = replace(options, noise_scale=0.0)
    with torch.inference_mode():
        frames = int(model.prior([Sentence(tokens(IDS), voice, quiet)], silent).lengths.frames[0])
    drawn_z = torch.randn(1, model.config.latent_width, frames, generator=generator)
    draws = Recorded(*([drawn_w, drawn_z] if stochastic else [drawn_z]))
    pieces = list(model.generate([Sentence(tokens(IDS), voice, options)], draws))
    latents = torch.cat([p.values for p in pieces], 2)
    expected = decode_windowed(vocoder, latents, condition=pieces[0].condition)
    feeds = {
        "input": IDS[None].numpy(),
        "input_lengths": np.array([len(IDS)]),
        "scales": np.array([noise, 1 / speed, rhythm], np.float32),
    }
    if model.config.n_speakers:
        feeds["sid"] = np.array([2])
    noises = {"/RandomNormalLike_output_0": drawn_z.numpy()}
    if stochastic:
        noises["/dp/RandomNormalLike_output_0"] = drawn_w.numpy()
    found = by_onnxruntime(file, feeds, noises)
    assert found.shape == (1, 1, 1, expected.shape[1])
    close(torch.from_numpy(found[0, 0]), expected, 1e-5)


@pytest.mark.parametrize("name", ["plain", "speakers", "trained"])
def test_there_and_back(name, tmp_path):
    _, _, manifest, tensors = whole(name)
    file, _ = to_piper(manifest, tensors, tmp_path / "voice.onnx")
    opened = library.open_model(str(library.import_checkpoint(file)))
    again, found = opened.manifest, opened.tensors
    kept = {k for k in tensors if not k.startswith(("posterior.", "durations.variational."))}
    assert found.keys() == kept
    assert all(torch.equal(found[k], tensors[k]) for k in kept)
    assert again["text"] == manifest["text"]
    assert again["features"] == manifest["features"]
    assert again["vocoder"]["config"] == manifest["vocoder"]["config"]


def test_what_is_drawn_and_rounded_can_be_found(tmp_path):
    """Programs that pin the noise or ask for durations look for these nodes."""
    _, _, manifest, tensors = whole("plain")
    file, beside = to_piper(manifest, tensors, tmp_path / "voice.onnx")
    graph = onnx_graph.read(file)
    kinds = [node.kind for node in graph.nodes]
    assert (kinds.count("RandomNormalLike"), kinds.count("Ceil")) == (2, 1)
    assert graph.inputs == ("input", "input_lengths", "scales")
    assert graph.outputs == ("output",)
    assert beside.name == "voice.onnx.json"


def test_what_the_format_cannot_hold(tmp_path):
    model, vocoder = toy(replace(CONFIG, n_languages=2, language_width=4), languages=("a", "b"))
    with pytest.raises(UsageError, match="languages or speakers"):
        to_piper(manifest_of(model, vocoder), dict(model.state_dict()), tmp_path / "v.onnx")
    _, _, manifest, tensors = whole("plain")
    with pytest.raises(UsageError, match="text rules of 'toy'"):
        to_piper(manifest | {"text": {"kind": "arpabet"}}, tensors, tmp_path / "v.onnx")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write"):
        to_piper(manifest, tensors, tmp_path / "file" / "v.onnx")
    assert not list(tmp_path.glob("*.onnx"))


HF_DECODER = replace(DECODER, block=1, block_dilations=((1, 3), (1, 3)))
MANIFESTS = Path(__file__).parents[2] / "data" / "manifests"


def hugging_face(config=TRAINED):
    model, _ = toy(config)
    decoder = replace(HF_DECODER, condition_dim=config.speaker_width)
    vocoder = Hifigan(decoder, model.spec).eval().requires_grad_(False)
    manifest = manifest_of(model, vocoder)
    symbols = tuple(chr(97 + n) for n in range(config.n_tokens))
    manifest["text"] = {"kind": "mms", "language": "deu", "symbols": list(symbols)}
    tensors = dict(model.state_dict())
    tensors |= {f"vocoder.{k}": v for k, v in vocoder.state_dict().items()}
    return manifest, tensors


@pytest.mark.parametrize(
    "config", [TRAINED, replace(TRAINED, n_speakers=3, speaker_width=6)], ids=["one", "speakers"]
)
def test_hugging_face_there_and_back(config, tmp_path):
    manifest, tensors = hugging_face(config)
    files = to_hugging_face(manifest, tensors, tmp_path / "folder")
    assert [f.name for f in files][:2] == ["model.safetensors", "config.json"]
    opened = library.open_model(str(library.import_checkpoint(tmp_path / "folder")))
    again, found = opened.manifest, opened.tensors
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-6, atol=1e-7)
    assert again["text"]["symbols"] == manifest["text"]["symbols"]
    assert again["text"]["language"] == "deu"


def test_every_name_of_hugging_faces():
    """Made from the published names: what is written is what their library wants."""
    rows = json.loads((MANIFESTS / "mms_tts_eng_hf.json").read_text())["keys"]
    foreign = {k: torch.zeros(1).expand(row["shape"]) for k, row in rows.items()}
    named = hf_names(official(adapt(folded(foreign)[0])), stochastic=True)
    assert {k: list(v.shape) for k, v in named.items()} == {k: r["shape"] for k, r in rows.items()}


def test_what_a_vits_model_cannot_be(tmp_path):
    manifest, tensors = hugging_face()
    medium = manifest | {"vocoder": {"config": to_dict(DECODER)}}
    for table, message in (
        (medium, "residual blocks of type 2"),
        (manifest | {"text": {"kind": "arpabet"}}, "of the kind 'arpabet'"),
    ):
        with pytest.raises(UsageError, match=message):
            to_hugging_face(table, tensors, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
