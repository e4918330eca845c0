"""Every configuration against the reference, from its embedding to its mel."""

from __future__ import annotations

import pytest
import torch

from tests.tolerance import assert_recorded
from vivavoce.checkpoints.remap import strict_load
from vivavoce.models.base import sentences
from vivavoce.models.fastpitch import importer
from vivavoce.models.fastpitch.model import FastPitch
from vivavoce.nn.noise import Noise
from vivavoce.types import Tokens, Voice

NAMES = ("fast_pitch", "fast_pitch_speakers", "fastspeech2", "speedy_speech", "forward_options")
UNHEARD = ("aligner.", "mdn_block.", "mod_layer.")


@pytest.fixture
def recorded(load_parity, name):
    return load_parity(f"zoo/{name}_tiny")


def built(recorded) -> tuple[FastPitch, dict]:
    tables = importer.tables({"model_args": recorded.meta["config"]}, recorded.weights)
    model = FastPitch.build(tables | {"features": {"n_mels": 10, "sample_rate": 22050}})
    ours, dropped = importer.adapt(recorded.weights)
    strict_load(model, ours)
    assert all(k.startswith(UNHEARD) or k.endswith("num_batches_tracked") for k in dropped)
    return model.freeze(), tables


@pytest.mark.parity
@pytest.mark.parametrize("name", [*NAMES, "align_tts"])
@torch.no_grad()
def test_every_stage(recorded) -> None:
    model, tables = built(recorded)
    ids = recorded.inputs["ids"]
    mask = torch.ones(1, 1, ids.shape[1])
    speaker = recorded.inputs.get("speaker_ids")
    voice = Voice("one", "fastpitch", {} if speaker is None else {"speaker": speaker})
    vector = model.speaker_vectors([voice])
    said = model.predict(ids, mask, vector)
    durations = model.frames(said.log_durations, mask, tables["options"]["speed"])
    found = {
        "durations_log": said.log_durations,
        "durations": durations.float(),
        "pitch": said.pitch,
        "energy": said.energy,
        "stage.embedding": model.embedding(ids),
    }
    encoded = model.encoder(found["stage.embedding"].transpose(1, 2), mask)
    found["stage.encoder"] = encoded
    lengths = durations.sum(1)
    expanded = said.hidden.repeat_interleave(durations[0], 2)
    found["stage.decoder_input"] = model.placed(expanded)
    found["mel"] = model.decode(said.hidden, durations, lengths).transpose(1, 2)
    wanted = [key for key in recorded.outputs if not key.startswith("train.")]
    assert set(wanted) <= set(found)
    for key in wanted:
        assert_recorded(found[key], recorded, key)
    tokens = Tokens(tuple(ids[0].tolist()), (0,) * ids.shape[1])
    options = model.options_type(**tables["options"])
    (features,) = model.generate(sentences([tokens], voice, options), Noise(0))
    assert_recorded(features.values.transpose(1, 2), recorded, "mel")
