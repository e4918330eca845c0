"""A voice too small to be understood but real in every part: random weights, made at once."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vivavoce.synthesis.engine import TTS


def tiny_model(n_speakers: int = 0) -> Any:
    import torch

    from vivavoce.audio.specs import VOCOS_24K
    from vivavoce.models.glow.config import GlowConfig
    from vivavoce.models.glow.model import GlowTTS
    from vivavoce.models.glow.text import TextConfig, n_tokens

    text = TextConfig()
    torch.manual_seed(1)
    config = GlowConfig(
        n_tokens=n_tokens(text),
        n_mels=VOCOS_24K.n_mels,
        encoder_width=16,
        encoder_layers=1,
        encoder_ffn=16,
        prenet=False,
        duration_width=16,
        decoder_width=16,
        n_flows=2,
        flow_layers=1,
        n_speakers=n_speakers,
        speaker_width=8 if n_speakers else 0,
    )
    names = tuple(f"speaker{n}" for n in range(n_speakers))
    return GlowTTS(config, VOCOS_24K, text, names)


def tiny_vocoder() -> Any:
    import torch

    from vivavoce.audio.specs import VOCOS_24K
    from vivavoce.vocoders.vocos.config import VocosConfig
    from vivavoce.vocoders.vocos.model import Vocos

    torch.manual_seed(2)
    return Vocos(VocosConfig(dim=32, hidden_dim=48, n_layers=2), VOCOS_24K).eval()


def tiny_tts(n_speakers: int = 0) -> TTS:
    """A whole engine on the CPU, one frame per token or a few."""
    from vivavoce.device import select
    from vivavoce.synthesis.engine import TTS

    return TTS("tiny", tiny_model(n_speakers).freeze(), tiny_vocoder(), select("cpu"), {})


def tiny_folders(folder: Path, n_speakers: int = 0) -> tuple[Path, Path]:
    """The same model and vocoder as stored folders, as `load` reads them."""
    from vivavoce.config import to_dict
    from vivavoce.weights import store

    model, vocoder = tiny_model(n_speakers), tiny_vocoder()
    features = to_dict(model.spec)
    store.save(
        folder / "tiny-vocos",
        {
            "kind": "vocoder",
            "family": "vocos",
            "name": "tiny-vocos",
            "config": asdict(vocoder.config),
            "features": features,
        },
        vocoder.state_dict(),
    )
    store.save(
        folder / "tiny",
        {
            "kind": "acoustic",
            "family": "glow",
            "name": "tiny",
            "vocoder": str(folder / "tiny-vocos"),
            "config": to_dict(model.config),
            "features": features,
            "text": to_dict(model.text),
            "speakers": list(model.speaker_names),
        },
        model.state_dict(),
    )
    return folder / "tiny", folder / "tiny-vocos"
