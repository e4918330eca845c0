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


def build_bark(symbols, codes, **_):
    """The first of the three transformers, in its large size; of the scores the best is taken."""
    from types import SimpleNamespace

    import torch
    from TTS.tts.configs.bark_config import BarkConfig
    from TTS.tts.layers.bark.inference_funcs import generate_text_semantic
    from TTS.tts.layers.bark.model import GPT, GPTConfig

    config, large = BarkConfig(), {"n_layer": 24, "n_head": 16, "n_embd": 1024, "bias": False}
    sizes = GPTConfig(input_vocab_size=129_600, output_vocab_size=10_048, **large)
    model, ids = GPT(sizes).eval(), torch.randint(0, 119_000, (1, symbols))
    tokenizer = SimpleNamespace(encode=lambda *_, **__: ids[0].tolist())
    bark = SimpleNamespace(config=config, tokenizer=tokenizer, device="cpu", semantic_model=model)
    most_s = (codes - 0.5) / config.SEMANTIC_RATE_HZ
    how = {"top_k": 1, "allow_early_stop": False, "max_gen_duration_s": most_s, "silent": True}
    return (
        model.state_dict(),
        {},
        ids + config.TEXT_ENCODING_OFFSET,
        lambda: generate_text_semantic("text", bark, (None, None, None), **how),
    )


def build_tortoise(symbols, codes, takes, **_):
    """The autoregressive model, a take at a time as on every CPU; no code is the end.

    The likeliest code is taken, so that all takes are alike.
    """
    import torch
    from TTS.tts.configs.tortoise_config import TortoiseArgs
    from TTS.tts.layers.tortoise.autoregressive import UnifiedVoice

    args = TortoiseArgs()
    names = "max_mel_tokens max_text_tokens max_conditioning_inputs layers model_dim heads"
    names += " number_text_tokens start_text_token checkpointing train_solo_embeddings"
    model = UnifiedVoice(**{name: getattr(args, f"ar_{name}") for name in names.split()}).eval()
    model.mel_head.bias.data[model.stop_mel_token] = -1e9
    state = {k: v.clone() for k, v in model.state_dict().items()}
    model.post_init_gpt2_config()
    ids, latent = (
        torch.randint(1, 250, (1, symbols)),
        torch.linspace(-1, 1, args.ar_model_dim)[None],
    )
    how = {"do_sample": True, "top_k": 1, "max_generate_length": codes}

    @torch.inference_mode()
    def run():
        return torch.cat([model.inference_speech(latent, ids, **how) for _ in range(takes)])

    return state, {}, ids, run


BUILD = {
    "bark": build_bark,
    "tortoise": build_tortoise,
    "tacotron2": build_tacotron2,
    "fastpitch": build_fastpitch,
    "melgan": build_melgan,
}
