"""A voice too small to be understood but real in every part: random weights, made at once."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS


def tiny_model(n_speakers: int = 0) -> Any:
    import torch

    from vivavoce.audio.specs import VOCOS_24K
    from vivavoce.models.glow.config import GlowConfig
    from vivavoce.models.glow.model import GlowTTS
    from vivavoce.models.glow.text import GlowTextConfig, n_tokens

    text = GlowTextConfig()
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


def tiny_vocoder(louder: float = 0.0) -> Any:
    """Its magnitudes are around 1; `louder` (in nepers) is added to their logarithms."""
    import torch

    from vivavoce.audio.specs import VOCOS_24K
    from vivavoce.vocoders.vocos.config import VocosConfig
    from vivavoce.vocoders.vocos.model import Vocos

    torch.manual_seed(2)
    vocoder = Vocos(VocosConfig(dim=32, hidden_dim=48, n_layers=2), VOCOS_24K).eval()
    with torch.no_grad():
        vocoder.head.bias[: VOCOS_24K.n_fft // 2 + 1] += louder
    return vocoder


def tiny_tts(n_speakers: int = 0) -> TTS:
    """A whole engine on the CPU, one frame per token or a few."""
    from vivavoce.runtime import select
    from vivavoce.speech.engine import TTS

    return TTS("tiny", tiny_model(n_speakers).freeze(), tiny_vocoder(), select("cpu"), {})


def tiny_folders(folder: Path, n_speakers: int = 0) -> tuple[Path, Path]:
    """The same model and vocoder as stored folders, as `load` reads them."""
    from vivavoce.checkpoints import store
    from vivavoce.config import to_dict

    model, vocoder = tiny_model(n_speakers), tiny_vocoder()
    features = to_dict(model.spec)
    _store_vocoder(folder, vocoder)
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


def _store_vocoder(folder: Path, vocoder: Any) -> None:
    from vivavoce.checkpoints import store
    from vivavoce.config import to_dict

    store.save(
        folder / "tiny-vocos",
        {
            "kind": "vocoder",
            "family": "vocos",
            "name": "tiny-vocos",
            "config": asdict(vocoder.config),
            "features": to_dict(vocoder.accepts),
        },
        vocoder.state_dict(),
    )


F5_VOCABULARY = tuple(
    " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:!?'\"-()[]"
)
F5_LOUDER = 3.0  # else all of it would be taken for a pause
F5_WORDS = "Some words that were said in the clip."


def tiny_f5_model() -> Any:
    """F5 with seeded weights in which every layer has a say, and a vocabulary for English."""
    import torch

    from vivavoce.audio.specs import VOCOS_24K
    from vivavoce.models.f5.config import F5Config
    from vivavoce.models.f5.model import F5TTS
    from vivavoce.models.f5.text import F5TextConfig

    torch.manual_seed(3)
    config = F5Config(
        dim=32,
        depth=1,
        heads=2,
        head_dim=16,
        text_dim=16,
        text_layers=1,
        n_tokens=len(F5_VOCABULARY),
    )
    model = F5TTS(config, VOCOS_24K, F5TextConfig(F5_VOCABULARY))
    for name, parameter in model.named_parameters():
        if "modulation" in name or ".output." in name:
            torch.nn.init.normal_(parameter, 0.0, 0.02)
    return model


def tiny_f5() -> TTS:
    """A whole engine that clones, on the CPU, two steps an utterance."""
    from vivavoce.runtime import select
    from vivavoce.speech.engine import TTS

    model, steps = tiny_f5_model().freeze(), {"steps": 2, "pruned": False}
    return TTS("tiny-f5", model, tiny_vocoder(F5_LOUDER), select("cpu"), steps)


def tiny_f5_folders(
    folder: Path, louder: float = F5_LOUDER, broken: bool = False
) -> tuple[Path, Path]:
    """The same as stored folders; `broken` gives NaN, -20 nepers of loudness give silence."""
    import torch

    from vivavoce.checkpoints import store
    from vivavoce.config import to_dict

    model = tiny_f5_model()
    if broken:
        torch.nn.init.constant_(model.backbone.output.bias, float("nan"))
    _store_vocoder(folder, tiny_vocoder(louder))
    store.save(
        folder / "tiny-f5",
        {
            "kind": "acoustic",
            "family": "f5",
            "name": "tiny-f5",
            "vocoder": str(folder / "tiny-vocos"),
            "config": to_dict(model.config),
            "features": to_dict(model.spec),
            "text": to_dict(model.text),
            "options": {"steps": 2, "pruned": False},
        },
        model.state_dict(),
    )
    return folder / "tiny-f5", folder / "tiny-vocos"


def tiny_voice(name: str = "me", seed: int = 0, seconds: float = 3.0) -> Any:
    """A voice of noise with the outline of speech."""
    from tests.speechlike import speechlike
    from vivavoce.models.f5.voice import make_voice

    return make_voice(speechlike(seconds, level=0.1, seed=seed), F5_WORDS, name)
