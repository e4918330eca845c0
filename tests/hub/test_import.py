"""Foreign checkpoints, written here in the official formats, come in whole and speak."""

import json

import numpy as np
import pytest
import torch

from tests.tolerance import assert_near, assert_recorded
from vivavoce.checkpoints import store
from vivavoce.errors import BadCheckpoint, UnknownModel, UnsafeCheckpoint, UsageError
from vivavoce.hub import library
from vivavoce.hub.read import speaker_names
from vivavoce.models.base import sentences
from vivavoce.models.glow.config import GlowConfig
from vivavoce.models.glow.model import GlowTTS
from vivavoce.speech import voices
from vivavoce.types import FeatureSpec

CONFIG = {
    "model": "glow_tts",
    "hidden_channels_enc": 16,
    "hidden_channels_dec": 12,
    "hidden_channels_dp": 16,
    "num_flow_blocks_dec": 2,
    "num_block_layers": 2,
    "encoder_params": {"num_layers": 1, "num_heads": 2, "hidden_channels_ffn": 16},
    "out_channels": 80,
    "audio": {"sample_rate": 22050, "stats_path": "/home/erogol/scale_stats.npy"},
    "text_cleaner": "english_cleaners",
    "characters": {"pad": "_", "characters": "abcdefghijklmnopqrstuvwxyz", "punctuations": ".,! "},
    "speakers_file": "/home/erogol/speaker_ids.json",
}
BACK = (
    ("encoder.embedding.", "encoder.emb."),
    ("encoder.prenet.convs.", "encoder.prenet.conv_layers."),
    ("encoder.prenet.norms.", "encoder.prenet.norm_layers."),
    ("encoder.prenet.projection.", "encoder.prenet.proj."),
    ("encoder.layers.0.attention.query.", "encoder.encoder.attn_layers.0.conv_q."),
    ("encoder.layers.0.attention.key.", "encoder.encoder.attn_layers.0.conv_k."),
    ("encoder.layers.0.attention.value.", "encoder.encoder.attn_layers.0.conv_v."),
    ("encoder.layers.0.attention.output.", "encoder.encoder.attn_layers.0.conv_o."),
    ("encoder.layers.0.norm_1.", "encoder.encoder.norm_layers_1.0."),
    ("encoder.layers.0.norm_2.", "encoder.encoder.norm_layers_2.0."),
    ("encoder.layers.0.feed_forward.expand.", "encoder.encoder.ffn_layers.0.conv_1."),
    ("encoder.layers.0.feed_forward.contract.", "encoder.encoder.ffn_layers.0.conv_2."),
    ("encoder.mean.", "encoder.proj_m."),
    ("encoder.durations.projection.", "encoder.duration_predictor.proj."),
    ("encoder.durations.", "encoder.duration_predictor."),
    (".wavenet.inputs.", ".wn.in_layers."),
    (".wavenet.outputs.", ".wn.res_skip_layers."),
    (".wavenet.condition.", ".wn.cond_layer."),
    ("speakers.", "emb_g."),
)


def as_coqui(model):
    """The state dict under Coqui's names and shapes, old-style weight norm on the start layers."""
    out = {}
    for key, value in model.state_dict().items():
        name = key
        for index in range(2):
            for part, offset in (("log_scale", 0), ("bias", 0), ("mixing", 1)):
                foreign = {"log_scale": "logs", "bias": "bias", "mixing": "weight"}[part]
                if name == f"decoder.steps.{index}.{part}":
                    name = f"decoder.flows.{3 * index + offset}.{foreign}"
                    value = value if part == "mixing" else value.view(1, -1, 1)
            name = name.replace(f"decoder.couplings.{index}.", f"decoder.flows.{3 * index + 2}.")
        for ours, theirs in BACK:
            name = name.replace(ours, theirs)
        if "norm" in name:
            name = name.replace(".weight", ".gamma").replace(".bias", ".beta")
            value = value.view(1, -1, 1)
        if name.endswith(".start.weight"):
            out[name + "_g"] = value.flatten(1).norm(dim=1).view(-1, 1, 1)
            out[name + "_v"] = value * 3
        else:
            out[name] = value.clone()
    return out


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """A folder as Coqui leaves it: config.json, model_file.pth, statistics and speakers."""
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    torch.manual_seed(5)
    config = GlowConfig(
        n_tokens=31,
        encoder_width=16,
        encoder_layers=1,
        encoder_ffn=16,
        duration_width=16,
        decoder_width=12,
        n_flows=2,
        flow_layers=2,
        n_speakers=2,
        speaker_width=16,
    )
    model = GlowTTS(config, FeatureSpec(n_mels=80))
    for name, parameter in model.named_parameters():
        if ".end." in name:
            torch.nn.init.normal_(parameter, 0, 0.05)
    folder = tmp_path / "coqui"
    folder.mkdir()
    (folder / "config.json").write_text("// Coqui allows comments\n" + json.dumps(CONFIG))
    torch.save({"model": as_coqui(model), "step": 3}, folder / "model_file.pth")
    table = {"mel_mean": np.full(80, -40.0), "mel_std": np.full(80, 20.0)}
    np.save(folder / "scale_stats.npy", table, allow_pickle=True)
    (folder / "speaker_ids.json").write_text(json.dumps({"VCTK_p226": 1, "VCTK_p225": 0}))
    return folder, model.freeze()


def test_a_coqui_glow_comes_in_and_gives_the_same_mel(foreign):
    from vivavoce.checkpoints.remap import strict_load
    from vivavoce.models.glow.config import GlowOptions
    from vivavoce.nn.noise import Noise

    folder, original = foreign
    imported = library.import_checkpoint(folder / "model_file.pth", "glow")
    assert imported.name == "coqui"
    manifest, tensors = store.load(imported)
    assert manifest["speakers"] == ["VCTK_p225", "VCTK_p226"]
    assert manifest["features"]["normalisation"]["stats"][0][:2] == [-40.0, -40.0]
    model = GlowTTS.build(manifest)
    strict_load(model, tensors)
    model.freeze()
    tokens = [model.tokenise("Hello there, Dr. Smith!")]
    assert tokens[0].words[-1].startswith("smith")
    original.speaker_names = model.speaker_names
    mels = [
        next(m.generate(sentences(tokens, m.voice("VCTK_p226"), GlowOptions()), Noise(0))).values
        for m in (original, model)
    ]
    assert_near(*mels)
    assert any(row["name"] == "VCTK_p226" for row in voices.voices_list())


def test_missing_configuration_and_unknown_family_are_named(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "x.pth")
    with pytest.raises(BadCheckpoint, match="no configuration"):
        library.import_checkpoint(tmp_path / "x.pth", "vocos")
    with pytest.raises(UnknownModel, match="vocos"):
        library.import_checkpoint(tmp_path / "x.pth", "vokos")
    with pytest.raises(UsageError, match="no file"):
        library.import_checkpoint(tmp_path / "nothing.pth", "vocos")


def test_malicious_and_truncated_files_leave_nothing(foreign, tmp_path):
    folder, _ = foreign

    class Evil:
        def __reduce__(self):
            import os

            return os.system, (f"touch {tmp_path}/ran",)

    torch.save({"model": Evil()}, folder / "evil.pth")
    with pytest.raises(UnsafeCheckpoint):
        library.import_checkpoint(folder / "evil.pth", "glow")
    assert not (tmp_path / "ran").exists()
    whole = (folder / "model_file.pth").read_bytes()
    (folder / "cut.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadCheckpoint):
        library.import_checkpoint(folder / "cut.pth", "glow")
    assert not (tmp_path / "home" / "models" / "cut").exists()


def test_weights_of_another_size_are_named(foreign):
    folder, _ = foreign
    table = CONFIG | {"hidden_channels_dec": 24}
    (folder / "config.json").write_text(json.dumps(table))
    with pytest.raises(BadCheckpoint, match="shape"):
        library.import_checkpoint(folder / "model_file.pth", "glow")


def test_speaker_names(tmp_path):
    assert speaker_names(tmp_path, {}) == []
    torch.save({"b": 1, "a": 0}, tmp_path / "speakers.pth")
    assert speaker_names(tmp_path, {}) == ["a", "b"]


@pytest.mark.parity
def test_a_vocos_in_the_official_files_comes_in_and_sounds_the_same(
    load_parity, tmp_path, monkeypatch
):
    from vivavoce.checkpoints.remap import strict_load
    from vivavoce.vocoders.vocos.model import Vocos

    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    recording = load_parity("vocos_center_tiny")
    lines = []
    for part, name in (
        ("feature_extractor", "MelSpectrogramFeatures"),
        ("backbone", "VocosBackbone"),
        ("head", "ISTFTHead"),
    ):
        lines += [f"{part}:", f"  class_path: vocos.{name}", "  init_args:"]
        lines += [f"    {k}: {v}" for k, v in recording.meta["config"][part].items()]
    (tmp_path / "config.yaml").write_text("\n".join(lines) + "\n")
    torch.save(recording.weights, tmp_path / "pytorch_model.bin")
    folder = library.import_checkpoint(tmp_path / "pytorch_model.bin", "vocos", name="official")
    manifest, tensors = store.load(folder)
    vocoder = Vocos.build(manifest)
    strict_load(vocoder, tensors)
    with torch.no_grad():
        wave = vocoder.eval().decode(recording.inputs["mel"])
    assert_recorded(wave, recording, "wave")
