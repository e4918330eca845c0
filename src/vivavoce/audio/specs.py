"""The front ends of the known model families, by name."""

from __future__ import annotations

from dataclasses import replace

from vivavoce.types import FeatureSpec, Normalisation

# F5-TTS with Vocos. (The Vocos package's own extractor clamps at 1e-7.)
VOCOS_24K = FeatureSpec()

BIGVGAN_24K = FeatureSpec(
    mel_scale="slaney", mel_norm="slaney", magnitude_floor=1e-9, framing="same"
)

# HiFi-GAN as published (jik876/hifi-gan); `f_max=None` is what its training loss compares.
HIFIGAN_22K = replace(BIGVGAN_24K, sample_rate=22050, n_mels=80, f_max=8000.0)

# VITS reads the linear spectrum and is trained on the mel made from it.
VITS_LINEAR_22K = FeatureSpec(
    kind="linear", sample_rate=22050, magnitude_floor=1e-6, log=None, framing="same"
)
VITS_MEL_22K = replace(
    VITS_LINEAR_22K, kind="mel", n_mels=80, mel_scale="slaney", mel_norm="slaney", log="ln"
)

# Coqui's AudioProcessor with its default settings; released models differ: read their `audio`.
COQUI_22K = FeatureSpec(
    sample_rate=22050,
    n_mels=80,
    mel_scale="slaney",
    mel_norm="slaney",
    log="log10",
    clamp=1e-8,
    normalisation=Normalisation(),
)
COQUI_LINEAR_22K = replace(COQUI_22K, kind="linear")

# XTTS: whoever uses these three divides each band by the checkpoint's `mel_stats` `[80]`.
DVAE_22K = FeatureSpec(sample_rate=22050, n_mels=80, f_max=8000.0, mel_norm="slaney", power=2.0)
XTTS_COND_V2 = replace(DVAE_22K, n_fft=2048)
XTTS_COND_V1 = replace(DVAE_22K, n_fft=4096, win_length=4096, hop_length=1024)

# What Tortoise's diffusion makes and its UnivNet reads.
TORTOISE_24K = FeatureSpec(mel_scale="slaney", mel_norm="slaney")

# What XTTS' decoder reads: its GPT's states, spread over the frames of the waveform.
XTTS_LATENTS = FeatureSpec(kind="latent", sample_rate=24000, hop_length=256, n_mels=1024)

# EnCodec at 24 kHz and 6 kbit/s, as Bark speaks with: a code of each of eight books, as a number.
ENCODEC_24K = FeatureSpec(kind="latent", sample_rate=24000, hop_length=320, n_mels=8)

# The ResNet-SE speaker encoder of XTTS and YourTTS.
SPEAKER_16K = FeatureSpec(
    sample_rate=16000,
    n_fft=512,
    win_length=400,
    hop_length=160,
    n_mels=64,
    window="hamming",
    power=2.0,
    clamp=0.0,
    log_offset=1e-6,
    preemphasis=0.97,
)
