"""Coqui's AudioProcessor settings as a FeatureSpec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vivavoce.audio.specs import COQUI_22K, SPEAKER_16K
from vivavoce.errors import BadCheckpoint
from vivavoce.types import FeatureSpec, Normalisation

Stats = tuple[Sequence[float], Sequence[float]]


def features_from_coqui(audio: Mapping[str, Any], stats: Stats | None = None) -> FeatureSpec:
    """The mel that Coqui's AudioProcessor makes with its `audio` table.

    `stats` are the mean and the deviation per band when the table names a statistics file.
    Raises BadCheckpoint when it names one and none is given.
    """
    if audio.get("stats_path") and stats is None:
        raise BadCheckpoint(
            f"The statistics file of the features, {audio['stats_path']}, is missing.",
            "Put it beside the checkpoint and import again.",
        )
    natural = audio.get("log_func", "np.log10") == "np.log"
    normalisation = Normalisation(
        min_level_db=float(audio.get("min_level_db", -100)),
        ref_level_db=float(audio.get("ref_level_db", 20)),
        gain=float(audio.get("spec_gain", 20)),
        max_norm=float(audio.get("max_norm", 4)),
        symmetric=bool(audio.get("symmetric_norm", True)),
        clip=bool(audio.get("clip_norm", True)),
        signal_norm=bool(audio.get("signal_norm", True)),
        stats=None if stats is None else (tuple(stats[0]), tuple(stats[1])),
    )
    return replace(
        mel_from_coqui(audio, COQUI_22K),
        log="ln" if natural else "log10",
        preemphasis=float(audio.get("preemphasis", 0)),
        normalisation=normalisation,
    )


def speaker_features(settings: Mapping[str, Any]) -> tuple[FeatureSpec, bool]:
    """What a recurrent speaker encoder hears by its `config_se.json`, and whether in windows.

    With `use_torch_spec` those are powers, in windows; otherwise what `features_from_coqui` says.
    """
    audio = settings.get("audio") or {}
    if not (settings.get("model_params") or {}).get("use_torch_spec"):
        return features_from_coqui(audio), False
    powers = replace(SPEAKER_16K, log=None, log_offset=0.0)
    bands = {k: v for k, v in audio.items() if k not in ("mel_fmin", "mel_fmax")}  # all of them
    mel = mel_from_coqui(bands, powers)
    return replace(mel, preemphasis=float(audio.get("preemphasis", 0))), True


def mel_from_coqui(audio: Mapping[str, Any], usual: FeatureSpec) -> FeatureSpec:
    """`usual` with rates, lengths and bands of an `audio` table; Coqui's where it has none."""
    maximum = audio.get("mel_fmax")
    return replace(
        usual,
        sample_rate=audio.get("sample_rate", 22050),
        n_fft=audio.get("fft_size", 1024),
        win_length=audio.get("win_length", 1024),
        hop_length=audio.get("hop_length", 256),
        n_mels=audio.get("num_mels", 80),
        f_min=float(audio.get("mel_fmin") or 0),
        f_max=None if maximum is None else float(maximum),
    )
