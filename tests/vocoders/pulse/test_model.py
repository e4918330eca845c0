"""The pulse vocoder's promises: lengths, streamed = whole, batched = single, no chance."""

import pytest
import torch

from vivavoce.errors import ConfigError, UsageError
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import decode_windowed, stream_windows
from vivavoce.vocoders.pulse.model import PITCH_FRAMES, PulseVocoder
from vivavoce.vocoders.pulse.workloads import TOY


@pytest.fixture(scope="module")
def vocoder():
    torch.manual_seed(3)
    made = PulseVocoder(TOY, FeatureSpec())
    with torch.no_grad():
        made.pitch_head.weight.normal_(0, 0.3)
        made.pitch_head.bias[1] = 0.3  # mostly voiced
        made.head.weight.normal_(0, 0.1)
    return made.freeze()


def mel(frames, rows=1):
    return torch.randn(rows, 100, frames, generator=torch.Generator().manual_seed(frames)) - 4


@pytest.mark.parametrize("frames", [4, 40, 301])
def test_length(vocoder, frames):
    assert decode_windowed(vocoder, mel(frames)).shape == (1, vocoder.n_samples(frames))


@pytest.mark.parametrize("sizes", [[301], [1] * 301, [7, 150, 3, 141]])
@pytest.mark.parametrize("eager", [True, False])
def test_streamed_is_whole(vocoder, sizes, eager):
    features = mel(301)
    whole = vocoder.decode(features)
    pieces = stream_windows(vocoder, features.split(sizes, 2), 96, eager=eager)
    torch.testing.assert_close(torch.cat(list(pieces), 1), whole, atol=2e-5, rtol=0)


def test_rows_do_not_hear_their_neighbours(vocoder):
    features = mel(150, 3)
    together = decode_windowed(vocoder, features, [150, 60, 101])
    alone = decode_windowed(vocoder, features[1:2, :, :60])
    torch.testing.assert_close(together[1, : alone.shape[1]], alone[0], atol=2e-5, rtol=0)
    assert not together[1, alone.shape[1] :].any()


def test_the_same_features_sound_the_same(vocoder):
    first = vocoder.decode(mel(80))
    torch.rand(5)
    assert torch.equal(first, vocoder.decode(mel(80)))


def test_preparation_is_the_same_however_the_parts_come(vocoder):
    features = mel(3 * PITCH_FRAMES + 5)
    whole, parts = vocoder.preparation(), vocoder.preparation()
    together = [*whole.push(features), *whole.finish()]
    apart = [found for part in features.split(11, 2) for found in parts.push(part)]
    assert torch.equal(torch.cat(together, 2), torch.cat([*apart, *parts.finish()], 2))


def test_another_framing_is_refused():
    with pytest.raises(ConfigError, match="same"):
        PulseVocoder(TOY, FeatureSpec(framing="same"))


def test_it_takes_no_speaker(vocoder):
    with pytest.raises(UsageError):
        vocoder.decode(mel(8), torch.zeros(1, 4, 1))
