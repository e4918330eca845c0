"""Published names and shapes are consumed to the last tensor, on no memory at all."""

import json
from pathlib import Path

import pytest
import torch

from tests.models.vits.official import decoder_settings, loaded
from vivavoce.checkpoints.remap import without_numbers
from vivavoce.errors import BadCheckpoint
from vivavoce.models.vits.names import layout_of, official, recognises
from vivavoce.models.vits.sizes import DecoderSettings, config_of, decoder_of

MANIFESTS = Path(__file__).parents[2] / "data" / "manifests"
# layout, speakers, what is left out, block of the decoder
KNOWN = {
    "mms_tts_eng_hf": ("hf", 0, 0, 1),
    "piper_x_low_ckpt": ("original", 0, 0, 2),
    "vits_default": ("coqui", 0, 111, 1),
    "vits_original_vctk": ("original", 109, 0, 1),
    "your_tts": ("coqui", 0, 0, 2),
}


def shapes(name: str) -> tuple[dict[str, torch.Tensor], dict]:
    manifest = json.loads((MANIFESTS / f"{name}.json").read_text())
    keys = manifest["keys"].items()
    return {k: torch.empty(row["shape"], device="meta") for k, row in keys}, manifest["config"]


@pytest.mark.parametrize("name", KNOWN)
def test_official_manifest_is_consumed(name):
    layout, speakers, left_out, block = KNOWN[name]
    foreign, config = shapes(name)
    assert layout_of(foreign) == layout
    theirs, dropped = official(foreign)
    with without_numbers():
        model, vocoder = loaded(theirs, decoder_settings(config))
    assert model.posterior is not None
    assert model.durations.variational is not None
    assert (model.config.n_speakers, len(dropped), vocoder.config.block) == (
        speakers,
        left_out,
        block,
    )


def test_narrow_voices_have_narrow_durations():
    """x_low: 96 channels all through; YourTTS: 192 in the predictor, 196 before it."""
    assert config_of(official(shapes("piper_x_low_ckpt")[0])[0]).duration_width == 96
    yours = config_of(official(shapes("your_tts")[0])[0])
    assert (yours.duration_width, yours.encoder_width, yours.speaker_width) == (192, 196, 512)
    assert (yours.text_heads, yours.text_layers) == (2, 10)


@pytest.mark.parametrize("prefix", ["module.", "model_g.", "module.model_g."])
def test_prefixes_come_off(prefix):
    foreign, _ = shapes("vits_original_vctk")
    theirs, _ = official({f"{prefix}{name}": tensor for name, tensor in foreign.items()})
    assert theirs.keys() == official(foreign)[0].keys()


def test_other_families_are_not_recognised():
    assert not recognises(["encoder.emb.weight", "decoder.flows.0.logs"])
    assert not recognises(["dec.conv_pre.weight", "ups.0.bias"])


def test_a_model_without_a_part_is_refused():
    theirs, _ = official(shapes("vits_original_vctk")[0])
    del theirs["enc_p.proj.weight"]
    with pytest.raises(BadCheckpoint, match=r"'enc_p\.proj\.weight' is missing"):
        config_of(theirs)


def test_another_models_configuration_is_refused():
    theirs, _ = official(shapes("piper_x_low_ckpt")[0])
    with pytest.raises(BadCheckpoint, match="a decoder of 4 stages"):
        decoder_of(theirs, DecoderSettings((8, 8, 2, 2)))
