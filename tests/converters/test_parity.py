"""Every converter against recorded outputs of the reference, with its own draws."""

from __future__ import annotations

import pytest
import torch

from tests.tolerance import assert_within
from vivavoce.checkpoints.remap import strict_load, under
from vivavoce.config import from_dict
from vivavoce.converters.freevc import importer as freevc
from vivavoce.converters.freevc.model import FreeVC
from vivavoce.converters.knnvc.config import KnnVcConfig
from vivavoce.converters.knnvc.model import KnnVC
from vivavoce.converters.openvoice import importer as openvoice
from vivavoce.converters.openvoice.model import OpenVoice
from vivavoce.types import FeatureSpec, Voice
from vivavoce.vocoders import VOCODERS

pytestmark = pytest.mark.parity


def tolerance(recording, output, floor):
    return max(floor, 20 * recording.meta["outputs"][output]["fp64_err"])


def built(kind, importer, foreign, tensors):
    """The converter and its vocoder, with every tensor of a checkpoint in one of them."""
    tables = importer.tables(foreign, tensors)
    ours, _ = importer.adapt(tensors)
    model = kind.build(tables)
    strict_load(model, {k: v for k, v in ours.items() if not k.startswith("vocoder.")})
    table = tables["vocoder"]
    vocoder = VOCODERS.family(table["family"]).model.build(table)
    strict_load(vocoder, under(ours, "vocoder."))
    return model.freeze(), vocoder.freeze()


@pytest.mark.parametrize("name", ["openvoice_tiny", "openvoice_conditioned_tiny"])
@torch.inference_mode()
def test_openvoice(load_parity, name):
    recording = load_parity(f"zoo/{name}")
    foreign = {"model": recording.meta["config"], "data": {"sampling_rate": 22_050}}
    model, vocoder = built(OpenVoice, openvoice, foreign, recording.weights)
    given, out = recording.inputs, recording.outputs
    source, target = model.tone(given["source_spec"]), model.tone(given["target_spec"])
    limit = tolerance(recording, "speaker_source", 2e-5)
    assert_within(source, out["speaker_source"], limit)
    assert_within(target, out["speaker_target"], limit)
    latents = model.converted(given["source_spec"], given["noise0"], source, target)
    assert_within(latents, out["z_hat"], tolerance(recording, "z_hat", 2e-5))
    condition = model.condition(Voice("x", "openvoice", {"speaker": target.flatten()}))
    wave = vocoder.decode(latents, condition)
    assert_within(wave, out["wave"][:, 0], tolerance(recording, "wave", 1e-4))


@torch.inference_mode()
def test_freevc(load_parity):
    recording, words = load_parity("zoo/freevc_tiny"), load_parity("zoo/wavlm_tiny")
    # The recording's words are 24 wide and WavLM's 32: the first weights of its own are enough.
    own = dict(recording.weights)
    wavlm = narrowed(words.weights, own["enc_p.pre.weight"].shape[1])
    foreign = {"model_args": recording.meta["config"], "audio": {"output_sample_rate": 24_000}}
    tensors = own | {f"wavlm/model/{k}": v for k, v in wavlm.items()}
    model, vocoder = built(FreeVC, freevc, foreign, tensors)
    given, out = recording.inputs, recording.outputs
    for name in ("speaker", "speaker_short"):
        found = model.utterance(given[name.replace("speaker", "speaker_mel")])
        assert_within(found, out[name], tolerance(recording, name, 2e-5))
    latents = model.converted(given["ssl"], given["noise0"], out["speaker"])
    wave = vocoder.decode(latents, out["speaker"])
    assert_within(wave, out["wave"][:, 0], tolerance(recording, "wave", 1e-4))


def narrowed(weights, width):
    """WavLM's tensors cut to another width: only their names and shapes are needed."""
    have = weights["post_extract_proj.weight"].shape[0]
    convs = weights["post_extract_proj.weight"].shape[1]

    def cut(name, tensor):
        if "feature_extractor" in name or name.startswith("layer_norm"):
            return tensor
        if name == "post_extract_proj.weight":
            return tensor[:width, :convs]
        if "grep_linear.weight" in name:
            return tensor[:, : width // 4]
        if "pos_conv" in name and tensor.dim() == 3 and tensor.shape[0] > 1:
            return tensor[:width, : width // 4]
        sides = [slice(0, width) if n == have else slice(None) for n in tensor.shape]
        return tensor if "relative" in name else tensor[tuple(sides)]

    return {name: cut(name, tensor) for name, tensor in weights.items()}


@torch.inference_mode()
def test_knnvc_matches_the_frames_that_the_reference_does(load_parity):
    from tests.nn.test_wavlm import loaded

    recording = load_parity("zoo/wavlm_tiny")
    config = from_dict(KnnVcConfig, {"wavlm": {**vars(loaded(recording, 2).config)}})
    model = KnnVC(config, FeatureSpec(kind="latent", n_mels=config.wavlm.width))
    model.wavlm = loaded(recording, 2)
    frames = model.wavlm(recording.inputs["wave16k"])[0]
    matching = model.wavlm(recording.inputs["other_wave16k"])[0]
    limit = tolerance(recording, "other_layer2", 2e-5)
    assert_within(matching, recording.outputs["other_layer2"][0], limit)
    limit = tolerance(recording, "knn.matched", 2e-5)
    assert_within(model.matched(frames, matching), recording.outputs["knn.matched"][0], limit)
