"""Against recorded runs of the publication, Coqui, Hugging Face and Piper, at toy size."""

import pytest
import torch

from tests.models.vits.official import close, draws, models, speaker, tokens
from vivavoce.models.base import Sentence, sentences
from vivavoce.models.vits.config import VitsOptions
from vivavoce.vocoders.base import decode_windowed

LATENTS, SAMPLES = 2e-5, 1e-4
ORIGINAL = ["vits_original_tiny", "vits_original_speakers_tiny", "piper_ckpt_tiny"]
COQUI = ["vits_dp_tiny", "vits_sdp_tiny", "vits_multispeaker_tiny", "vits_multispeaker_sdp_tiny"]
HF = ["mms_hf_tiny", "mms_hf_speakers_tiny", "mms_hf_dp_tiny"]

pytestmark = pytest.mark.parity


def options(parity) -> VitsOptions:
    config = parity.meta["config"]
    rhythm = config.get("noise_scale_w", config.get("noise_scale_duration"))
    if rhythm is None:
        rhythm = parity.meta["inference_noise_scale_dp"]
    language = (
        config["languages"][int(parity.inputs["language_ids"])] if "languages" in config else ""
    )
    return VitsOptions(
        speed=1 / config.get("length_scale", 1.0),
        noise_scale=parity.meta.get("inference_noise_scale", config["noise_scale"]),
        duration_noise=rhythm,
        language=language,
    )


@pytest.mark.parametrize("name", [*ORIGINAL, *COQUI, "yourtts_tiny"])
def test_from_symbols_to_samples(name, load_parity):
    parity = load_parity(name)
    model, vocoder = models(parity.weights, parity.meta["config"])
    inputs, outputs = parity.inputs, parity.outputs
    voice, entry = speaker(model, inputs), tokens(inputs["ids"][0])
    with torch.inference_mode():
        prior = model.prior([Sentence(entry, voice, options(parity))], draws(inputs))
    assert torch.equal(prior.lengths.durations, outputs["durations"][0].long())
    close(prior.latents, outputs["z_p"], LATENTS)
    pieces = list(model.generate([Sentence(entry, voice, options(parity))], draws(inputs)))
    latents = torch.cat([piece.values for piece in pieces], dim=2)
    close(latents, outputs["z"], LATENTS)
    samples = decode_windowed(vocoder, latents, condition=pieces[0].condition)
    close(samples, outputs["wave"][0], SAMPLES)


@pytest.mark.parametrize("name", HF)
def test_hugging_face(name, load_parity):
    parity = load_parity(name)
    model, vocoder = models(parity.weights, parity.meta["config"])
    inputs, outputs = parity.inputs, parity.outputs
    voice, entry = speaker(model, inputs), tokens(inputs["ids"][0])
    pieces = list(model.generate([Sentence(entry, voice, options(parity))], draws(inputs)))
    latents = torch.cat([piece.values for piece in pieces], dim=2)
    close(latents, outputs["spectrogram"], LATENTS)
    samples = decode_windowed(vocoder, latents, condition=pieces[0].condition)
    close(samples, outputs["waveform"], SAMPLES)


@pytest.mark.parametrize("name", HF)
def test_a_batch_of_two(name, load_parity):
    """Rows of different lengths; what the reference decodes of padding is not compared."""
    parity = load_parity(name)
    model, vocoder = models(parity.weights, parity.meta["config"])
    inputs, outputs = parity.inputs, parity.outputs
    counts = inputs["attention_mask_b2"].sum(1).tolist()
    entries = [tokens(ids[:n]) for ids, n in zip(inputs["ids_b2"], counts, strict=True)]
    said = sentences(entries, speaker(model, inputs), options(parity))
    (features,) = model.generate(said, draws(inputs, "b2_noise"))
    hop = vocoder.accepts.hop_length
    assert (features.lengths * hop).tolist() == outputs["b2.sequence_lengths"].tolist()
    close(features.values, outputs["b2.spectrogram"], LATENTS)
    condition = features.condition
    samples = decode_windowed(vocoder, features.values, features.lengths, condition=condition)
    for row, frames in enumerate(features.lengths.tolist()):
        same = (frames - vocoder.receptive_field) * hop
        close(samples[row, :same], outputs["b2.waveform"][row, :same], SAMPLES)


@pytest.mark.parametrize("name", [*ORIGINAL, *COQUI])
def test_posterior_and_flow(name, load_parity):
    parity = load_parity(name)
    model, _ = models(parity.weights, parity.meta["config"])
    spectrum, outputs = parity.inputs["linear_spec"], parity.outputs
    mask = torch.ones(1, 1, spectrum.shape[2])
    vector = speaker(model, parity.inputs).tensors.get("embedding")
    condition = None if vector is None else vector[None, :, None]
    with torch.inference_mode():
        assert model.posterior is not None
        mean, log_scale = model.posterior(spectrum, mask, condition)
        close(mean, outputs["posterior.m_q"], LATENTS)
        close(log_scale, outputs["posterior.logs_q"], LATENTS)
        close(model.flow(outputs["posterior.z"], mask, condition), outputs["flow_forward"], LATENTS)


def test_a_recording_in_another_voice(load_parity):
    """Voice conversion by YourTTS: through the flow under one speaker, back under another."""
    parity = load_parity("yourtts_tiny")
    model, vocoder = models(parity.weights, parity.meta["config"])
    inputs, outputs = parity.inputs, parity.outputs
    source, target = (
        torch.nn.functional.normalize(inputs[name])[..., None]
        for name in ("d_vector", "d_vector_target")
    )
    close(source, outputs["conditioning"], 1e-6)
    mask = torch.ones(1, 1, inputs["linear_spec"].shape[2])
    with torch.inference_mode():
        assert model.posterior is not None
        mean, log_scale = model.posterior(inputs["linear_spec"], mask, source)
        z = mean + inputs["conversion_noise"] * log_scale.exp()
        close(z, outputs["conversion.z"], LATENTS)
        z_p = model.flow(z, mask, source)
        close(z_p, outputs["conversion.z_p"], LATENTS)
        close(model.flow.reverse(z_p, mask, target), outputs["conversion.z_hat"], LATENTS)
    samples = vocoder.decode(outputs["conversion.z_hat"], target)
    close(samples, outputs["conversion.wave"][0], SAMPLES)
