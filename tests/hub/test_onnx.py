"""Models as ONNX files: onnxruntime gives the samples that the engine gives."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.models.vits import toy as vits
from tests.tiny import tiny_folders, tiny_model, tiny_vocoder
from vivavoce.audio.specs import VOCOS_24K
from vivavoce.checkpoints.onnx_write import GraphWriter
from vivavoce.errors import OutputError, UsageError
from vivavoce.hub import onnx
from vivavoce.hub.export import export
from vivavoce.hub.read import Stored
from vivavoce.models.forward.workloads import TOY as FORWARD
from vivavoce.models.forward.workloads import random_model as random_forward
from vivavoce.models.glow.workloads import TOY as GLOW
from vivavoce.models.glow.workloads import random_model as random_glow
from vivavoce.text import arpabet
from vivavoce.types import Normalisation
from vivavoce.vocoders.bigvgan.workloads import workloads as bigvgan
from vivavoce.vocoders.hifigan.config import HifiganConfig
from vivavoce.vocoders.hifigan.model import Hifigan
from vivavoce.vocoders.hifigan.workloads import TOY as HIFIGAN
from vivavoce.vocoders.pulse.model import PulseVocoder
from vivavoce.vocoders.pulse.workloads import TOY as PULSE
from vivavoce.vocoders.vocos.config import VocosConfig
from vivavoce.vocoders.vocos.model import Vocos

pytest.importorskip("onnxruntime")
CPU = torch.device("cpu")
VOCOS = VocosConfig(dim=16, hidden_dim=24, n_layers=2)
SAME = replace(VOCOS_24K, framing="same", n_fft=1000, win_length=1000)


def voice_of(family, model, its_family, vocoder, options=None):
    own = {"family": family, "name": "toy", "options": options or {}}
    its = {"family": its_family, "name": "its"}
    return onnx.OnnxVoice(Stored(own, {}), Stored(its, {}), model.eval(), vocoder.eval())


def glow(spec=VOCOS_24K, **changes):
    model = random_glow(replace(GLOW, n_tokens=80, n_mels=spec.n_mels, **changes), CPU)
    model.spec = spec
    model.speaker_names = tuple(map(str, range(model.config.n_speakers)))
    return model


def vocos(spec=VOCOS_24K):
    torch.manual_seed(4)
    return Vocos(VOCOS, spec).freeze()


def hifigan(spec=VOCOS_24K, **changes):
    torch.manual_seed(4)
    return Hifigan(replace(HifiganConfig(**HIFIGAN), **changes), spec).freeze()


def glow_voice(**changes):
    return voice_of("glow", glow(**changes), "vocos", vocos(), {"noise_scale": 0.5})


def vits_voice(config):
    model, vocoder = vits.toy(config)
    options = {"noise_scale": 0.6, "duration_noise": 0.7, "speed": 0.8}
    return voice_of("vits", model, "hifigan", vocoder.freeze(), options)


def forward_voice():
    torch.manual_seed(5)
    vocoder = PulseVocoder(PULSE, VOCOS_24K).freeze()
    options = {"speed": 1.25, "pitch": 3.0}
    return voice_of(
        "forward", random_forward(replace(FORWARD, n_mels=100), CPU), "pulse", vocoder, options
    )


def rescaled_voice(have, want):
    spec = replace(VOCOS_24K, normalisation=have)
    return voice_of("glow", glow(spec), "vocos", vocos(replace(VOCOS_24K, normalisation=want)))


RANGE = Normalisation(max_norm=2.0)
STATS = Normalisation(stats=((-3.0,) * 100, (1.5,) * 100), gain=1.0)
VOICES = {
    "glow, Coqui's range": lambda: rescaled_voice(RANGE, None),
    "glow, Coqui's statistics": lambda: rescaled_voice(STATS, RANGE),
    "glow": glow_voice,
    "glow, Coqui's": lambda: glow_voice(prenet=False, relative_window=4, sigmoid_scale=True),
    "glow, spread": lambda: glow_voice(mean_only=False, dilation_rate=2, encoder_kernel=4),
    "glow, speakers": lambda: glow_voice(n_speakers=3, speaker_width=6),
    "same framing": lambda: voice_of("glow", glow(SAME), "vocos", vocos(SAME)),
    "hifigan": lambda: voice_of("glow", glow(), "hifigan", hifigan(edge_frames=2)),
    "hifigan 2": lambda: voice_of("glow", glow(), "hifigan", hifigan(block=2)),
    "forward": forward_voice,
    "vits": lambda: vits_voice(vits.CONFIG),
    "vits, speakers": lambda: vits_voice(replace(vits.CONFIG, n_speakers=3, speaker_width=6)),
    "vits, deterministic": lambda: vits_voice(replace(vits.CONFIG, stochastic_durations=False)),
}  # fmt: skip


@pytest.mark.parametrize("name", VOICES)
def test_graphs_give_our_samples(name):
    voice, g = VOICES[name](), GraphWriter()
    found, ended = voice.add_to(g)
    observed = onnx.observed_session(g, found, ended)
    # a forward model's frames know their place to the step of float32 at the utterance's length
    limit = 2e-5
    for ids in onnx.checked_ids(voice):
        assert onnx.require_equal(voice, observed, found, ended, ids) <= limit


def test_a_file_says_what_it_is(tmp_path):
    folder, _ = tiny_folders(tmp_path)
    (file,) = export(str(folder), tmp_path / "voice.onnx", "onnx")
    session = onnx.run_session(file.read_bytes())
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["sample_rate"]) == 24000
    assert tuple(json.loads(told["symbols"])) == arpabet.SYMBOLS
    assert json.loads(told["noise_inputs"]) == {"noise": {"channels": 100, "per": "frames"}}
    assert json.loads(told["controls"]) == {"length_scale": 1.0, "noise_scale": 0.0}
    assert told["producer"].startswith("vivavoce ")
    inputs = ["ids", "length_scale", "noise_scale", "noise"]
    assert [one.name for one in session.get_inputs()] == inputs
    assert [one.name for one in session.get_outputs()] == ["samples"]


def test_noise_of_no_frames_is_silence_and_too_much_is_cut():
    voice, g = glow_voice(), GraphWriter()
    found, _ = voice.add_to(g)
    session = onnx.run_session(g.model("toy", "test"))
    ids, options = onnx.checked_ids(voice)[0], voice.options()
    fed = onnx.known_inputs(session, voice.feeds(found.noises, ids, options))
    (whole,) = session.run(None, fed)
    (longer,) = session.run(None, fed | {"noise": np.pad(fed["noise"], ((0, 0), (0, 0), (0, 9)))})
    (none,) = session.run(None, fed | {"noise": fed["noise"][:, :, :0]})
    (still,) = session.run(None, fed | {"noise_scale": np.zeros(1, np.float32)})
    assert np.array_equal(whole, longer)
    assert np.array_equal(none, still)
    assert not np.array_equal(none, whole)


def test_a_graph_that_differs_is_not_written():
    voice, g = glow_voice(), GraphWriter()
    found, ended = voice.add_to(g)
    observed = onnx.observed_session(g, found, ended)
    with torch.no_grad():
        voice.vocoder.head.bias += 0.1
    with pytest.raises(
        OutputError, match=r"'toy' differs from the model by .* nothing was written"
    ):
        onnx.require_equal(voice, observed, found, ended, onnx.checked_ids(voice)[0])


def test_families_without_a_graph(tmp_path):
    voice = voice_of("glow", tiny_model(), "bigvgan", tiny_vocoder())
    assert bigvgan()
    with pytest.raises(UsageError, match="vocoder family 'bigvgan' cannot be exported to ONNX"):
        voice.add_to(GraphWriter())
    with pytest.raises(UsageError, match="model family 'f5' cannot be exported to ONNX"):
        voice_of("f5", tiny_model(), "vocos", tiny_vocoder()).add_to(GraphWriter())


def test_models_that_a_graph_cannot_hold():
    config = replace(vits.CONFIG, n_languages=2, language_width=4)
    model, vocoder = vits.toy(config, languages=("a", "b"))
    with pytest.raises(UsageError, match="languages, or with speakers from recordings"):
        voice_of("vits", model, "hifigan", vocoder).add_to(GraphWriter())
    with pytest.raises(UsageError, match="Glow-TTS with speakers from recordings"):
        voice_of("glow", glow(speaker_width=6), "vocos", vocos()).add_to(GraphWriter())


@pytest.mark.slow
def test_bundled_voices_as_one_file(tmp_path):
    for name, size in (("kathleen", 60), ("linnet", 50)):
        (file,) = export(name, tmp_path / f"{name}.onnx", "onnx")
        assert 1e6 < file.stat().st_size < size * 1e6
