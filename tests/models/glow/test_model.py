"""Whole-model parity, and the promises of the contract: batched equals single, noise is a value."""

import pytest
import torch

from tests.tolerance import assert_near, assert_recorded
from vivavoce.checkpoints.remap import strict_load
from vivavoce.errors import UnknownVoice
from vivavoce.models.base import sentences
from vivavoce.models.glow.config import GlowConfig, GlowOptions
from vivavoce.models.glow.importer import adapt, config_from_coqui
from vivavoce.models.glow.model import GlowTTS, length_mask
from vivavoce.nn.noise import Noise
from vivavoce.types import FeatureSpec, Tokens, Voice

VOICE = Voice("any", "glow")
RECORDINGS = ("glow_tts_tiny", "glow_tts_options_tiny")


class Recorded:
    """The reference's own draw, `[1, M, T]`, in place of ours."""

    def __init__(self, draw):
        self.draw = draw

    def normal(self, lengths, n_channels):
        return self.draw[:, :n_channels, : max(lengths)]


def reference(recording):
    config = config_from_coqui(recording.meta["config"], recording.weights)
    model = GlowTTS(config, FeatureSpec(n_mels=config.n_mels))
    ours, dropped = adapt(recording.weights)
    strict_load(model, ours)
    assert not dropped
    return model.freeze()


def options(recording):
    config = recording.meta["config"]
    return GlowOptions(1 / config["length_scale"], config["inference_noise_scale"])


def rows(ids, lengths):
    return [Tokens(tuple(r[:n].tolist()), (0,) * int(n)) for r, n in zip(ids, lengths, strict=True)]


@pytest.mark.parity
@pytest.mark.parametrize("name", RECORDINGS)
def test_encoder(load_parity, name):
    recording = load_parity(name)
    model = reference(recording)
    ids = recording.inputs["ids"]
    mean, _, durations = model.encoder(ids, torch.ones(1, 1, ids.shape[1]), None)
    assert_recorded(mean, recording, "encoder.o_mean")
    assert_recorded(durations, recording, "encoder.o_dur_log")


@pytest.mark.parity
@pytest.mark.parametrize("name", RECORDINGS)
def test_decoder_both_ways(load_parity, name):
    recording = load_parity(name)
    model = reference(recording)
    z = recording.inputs["decoder_z"]
    forward, _ = model.decoder(z, torch.ones(1, 1, z.shape[2]), None)
    assert_recorded(forward, recording, "decoder_forward")
    reverse = model.decoder.reverse(z, None, None)
    assert_recorded(reverse, recording, "decoder_reverse")


@pytest.mark.parity
@pytest.mark.parametrize("name", RECORDINGS)
def test_mel_and_durations(load_parity, name):
    recording = load_parity(name)
    model = reference(recording)
    tokens = rows(recording.inputs["ids"], recording.inputs["x_lengths"])
    noise = Recorded(recording.inputs["noise0"])
    (features,) = model.generate(sentences(tokens, VOICE, options(recording)), noise)
    assert features.durations[0].tolist() == recording.meta["durations"]
    assert_recorded(features.values.transpose(1, 2), recording, "mel")
    assert int(features.lengths[0]) == recording.meta["frames"]


@pytest.mark.parity
def test_the_reference_speaks_its_padding_and_we_do_not(load_parity):
    """Coqui gives each padding token a frame of zeros that the flow then hears; we do not.

    With those frames put back, the shorter row equals the reference's: the deviation is only that.
    """
    recording = load_parity("glow_tts_tiny")
    model = reference(recording)
    ids, lengths = recording.inputs["ids_b2"], recording.inputs["x_lengths_b2"]
    (features,) = model.generate(
        sentences(rows(ids, lengths), VOICE, options(recording)), Noise(0, (0, 0))
    )
    longest = int(lengths.argmax())
    assert_recorded(features.values[longest].t(), recording, "mel_b2", longest)
    n_padding = ids.shape[1] - lengths
    frames = features.durations.sum(1) + n_padding
    mask = length_mask(lengths, ids.shape[1])
    mean, _, _ = model.encoder(ids, mask, None)
    from vivavoce.nn.alignment import expand_path

    path = expand_path(features.durations.float(), int(frames.max()))
    with_padding = model.decoder.reverse(
        torch.matmul(mean, path), length_mask(frames, int(frames.max())), None
    )
    assert_recorded(with_padding.transpose(1, 2), recording, "mel_b2")


def tiny(**changes):
    torch.manual_seed(3)
    table = {
        "n_tokens": 20,
        "n_mels": 8,
        "encoder_width": 16,
        "encoder_ffn": 24,
        "encoder_layers": 2,
        "duration_width": 16,
        "decoder_width": 12,
        "n_flows": 2,
        "flow_layers": 2,
    }
    model = GlowTTS(GlowConfig(**(table | changes)), FeatureSpec(n_mels=8), None, ("a", "b"))
    for name, parameter in model.named_parameters():
        if not name.endswith("mixing"):
            torch.nn.init.normal_(parameter, 0.0, 0.2)
    return model.freeze()


@pytest.mark.parametrize("window", [None, 2])
def test_batched_equals_single(window):
    model = tiny(relative_window=window, mean_only=False)
    tokens = [Tokens(tuple(range(1, n)), (0,) * (n - 1)) for n in (9, 4, 6)]
    chosen = GlowOptions(noise_scale=0.5)
    (together,) = model.generate(sentences(tokens, VOICE, chosen), Noise(7, (0, 1, 2)))
    for row, entry in enumerate(tokens):
        (alone,) = model.generate(sentences([entry], VOICE, chosen), Noise(7, (row,)))
        n = int(alone.lengths[0])
        assert n == int(together.lengths[row])
        assert_near(together.values[row, :, :n], alone.values[0])
        assert not together.values[row, :, n:].any()


def test_speed_shortens_and_seed_decides():
    model = tiny()
    tokens = [Tokens(tuple(range(1, 16)), (0,) * 15)]

    def run(speed=1.0, seed=0):
        return next(model.generate(sentences(tokens, VOICE, GlowOptions(speed, 0.7)), Noise(seed)))

    assert int(run(2.0).lengths[0]) < int(run(0.5).lengths[0])
    assert torch.equal(run(seed=1).values, run(seed=1).values)
    assert not torch.equal(run(seed=1).values, run(seed=2).values)


def test_speakers_differ_and_a_missing_one_is_named():
    model = tiny(n_speakers=2, speaker_width=6)
    tokens = [Tokens((1, 2, 3), (0,) * 3)]
    mels = [
        next(model.generate(sentences(tokens, model.voice(name), GlowOptions()), Noise(0))).values
        for name in ("a", "b")
    ]
    assert mels[0].shape != mels[1].shape or not torch.equal(mels[0], mels[1])
    with pytest.raises(UnknownVoice, match="no speaker 'c'"):
        model.voice("c")
    with pytest.raises(UnknownVoice, match="names no speaker"):
        next(model.generate(sentences(tokens, VOICE, GlowOptions()), Noise(0)))
