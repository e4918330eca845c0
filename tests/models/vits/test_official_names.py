"""Our names and the publication's are each other's way back."""

from dataclasses import replace

import pytest
import torch

from tests.models.vits.toy import DECODER, TRAINED, toy
from vivavoce.models.vits.names import adapt
from vivavoce.models.vits.names import official as folded
from vivavoce.models.vits.official_names import official
from vivavoce.models.vits.sizes import DecoderSettings, config_of, decoder_of

CONFIGS = {
    "plain": TRAINED,
    "speakers": replace(TRAINED, n_speakers=3, speaker_width=6),
    "languages": replace(TRAINED, n_speakers=3, speaker_width=6, n_languages=2, language_width=4),
    "deterministic": replace(TRAINED, stochastic_durations=False, variational_durations=False),
    "inference only": replace(TRAINED, posterior=False, variational_durations=False),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_there_and_back(name):
    model, vocoder = toy(CONFIGS[name])
    ours = dict(model.state_dict())
    ours |= {f"vocoder.{k}": v for k, v in vocoder.state_dict().items()}
    theirs = official(ours)
    again, dropped = folded(theirs)
    found = adapt(again)
    assert not dropped
    assert found.keys() == ours.keys()
    assert all(torch.equal(found[k], ours[k]) for k in ours)


@pytest.mark.parametrize("name", CONFIGS)
def test_sizes_are_read_off(name):
    model, vocoder = toy(CONFIGS[name])
    ours = dict(model.state_dict())
    ours |= {f"vocoder.{k}": v for k, v in vocoder.state_dict().items()}
    theirs, _ = folded(official(ours))
    found = config_of(theirs)
    narrower = {"n_bins": found.n_bins} if not model.config.posterior else {}
    assert found == replace(model.config, speaker_durations="dp.cond.weight" in theirs, **narrower)
    settings = DecoderSettings(DECODER.rates, DECODER.block_dilations)
    assert decoder_of(theirs, settings) == vocoder.config
