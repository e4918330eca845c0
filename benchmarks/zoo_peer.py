"""How the peer builds the models of `zoo.py`, for `peer_worker.py`. Needs its interpreter only.

Each gives its weights, its configuration, the input, and what is timed. Official sizes, random
weights; what a fresh model would make constant is made to vary.
"""

from __future__ import annotations

import json
import math


def build_tacotron2(symbols, steps, r, **_):
    """With dynamic coarse steps in training (DDC): they take no part in inference."""
    import torch
    from TTS.tts.configs.tacotron2_config import Tacotron2Config
    from TTS.tts.models.tacotron2 import Tacotron2

    config = Tacotron2Config(r=r, num_chars=130, max_decoder_steps=steps)
    model = Tacotron2(config).eval()
    with torch.no_grad():
        model.decoder.stopnet[1].linear_layer.bias.fill_(-100.0)  # never
    model.decoder.max_decoder_steps = steps
    ids = torch.randint(1, model.embedding.num_embeddings, (1, symbols))
    return (
        model.state_dict(),
        json.loads(config.to_json()),
        ids,
        lambda: model.inference(ids)["model_outputs"],
    )


def build_fastpitch(symbols, **_):
    """A symbol lasts five frames."""
    import torch
    from TTS.tts.configs.fast_pitch_config import FastPitchConfig
    from TTS.tts.models.forward_tts import ForwardTTS

    config = FastPitchConfig()
    config.model_args.num_chars = 130
    model = ForwardTTS(config).eval()
    with torch.no_grad():
        projection = model.duration_predictor.proj
        torch.nn.init.normal_(projection.weight, 0.0, 1e-3)
        projection.bias.fill_(math.log(1 + 5.0))
    ids = torch.randint(1, model.emb.num_embeddings, (1, symbols))
    return (
        model.state_dict(),
        json.loads(config.to_json()),
        ids,
        lambda: model.inference(ids)["model_outputs"],
    )


def build_melgan(kind, frames, **_):
    """Weight norm removed as `load_checkpoint(eval=True)` does."""
    import torch
    from TTS.vocoder.configs import FullbandMelganConfig, MultibandMelganConfig
    from TTS.vocoder.models import setup_generator

    config = {"multiband": MultibandMelganConfig, "fullband": FullbandMelganConfig}[kind]()
    model = setup_generator(config)
    features = torch.randn(1, 80, frames)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    model.eval()
    model.remove_weight_norm()

    @torch.inference_mode()  # the full band's own method keeps gradients
    def run():
        return model.inference(features)

    return state, json.loads(config.to_json()), features, run


BUILD = {
    "tacotron2": build_tacotron2,
    "fastpitch": build_fastpitch,
    "melgan": build_melgan,
}
