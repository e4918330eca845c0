"""Runs a peer's model when asked, one JSON line per request. Needs the peer's interpreter only.

{"do": "build", "model": "glow", "folder": FOLDER, ...} writes model.pth, config.json, input.npy
{"do": "run"} answers {"wall": ..., "cpu": ...} in seconds; {"do": "output"} writes output.npy
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import time
from pathlib import Path

from zoo_peer import BUILD as ZOO


def build_glow(symbols, **_):
    """Coqui's GlowTTS as its own configuration class has it; noise off, so both sides agree."""
    import torch
    from TTS.tts.configs.glow_tts_config import GlowTTSConfig
    from TTS.tts.models.glow_tts import GlowTTS

    config = GlowTTSConfig(inference_noise_scale=0.0)
    model = GlowTTS(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith((".end.weight", "prenet.proj.weight")):
                torch.nn.init.normal_(parameter, 0.0, 0.3 / math.sqrt(parameter.shape[1]))
            elif name.endswith((".logs", ".end.bias")) or (".flows." in name and "bias" in name):
                torch.nn.init.normal_(parameter, 0.0, 0.05)
        model.encoder.proj_m.weight.mul_(8)  # a mel of Coqui's size, -4 to 4
        projection = model.encoder.duration_predictor.proj
        torch.nn.init.normal_(projection.weight, 0.0, 1e-3)
        projection.bias.fill_(math.log(1 + 4.5))  # rounded up: five frames a symbol
    ids = torch.randint(1, model.encoder.emb.num_embeddings, (1, symbols))
    lengths = torch.tensor([symbols])
    aux = {"x_lengths": lengths, "d_vectors": None, "speaker_ids": None}
    state = {k: v.clone() for k, v in model.state_dict().items()}
    model.eval()
    model.store_inverse()  # what load_checkpoint(eval=True) does
    return (
        state,
        json.loads(config.to_json()),
        ids,
        lambda: model.inference(ids, aux)["model_outputs"],
    )


def build_hifigan(version, frames, **_):
    """Coqui's generator, weight norm removed as `load_checkpoint(eval=True)` does."""
    import torch
    from TTS.vocoder.configs.hifigan_config import HifiganConfig
    from TTS.vocoder.models.hifigan_generator import HifiganGenerator

    config = HifiganConfig()
    sizes = dict(config.generator_model_params)
    sizes["upsample_initial_channel"] = {"v1": 512, "v2": 128}[version]
    config.generator_model_params = sizes
    model = HifiganGenerator(in_channels=80, out_channels=1, **sizes)
    features = torch.randn(1, 80, frames)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    model.eval()
    model.remove_weight_norm()
    return state, json.loads(config.to_json()), features, lambda: model.inference(features)


def build_f5(frames, reference, letters, steps, **_):
    """F5-TTS v1 Base: its own CFM and sampler, with nothing that starts at zero left there."""
    import torch
    from f5_tts.model import CFM, DiT

    sizes = {"dim": 1024, "depth": 22, "heads": 16, "ff_mult": 2, "text_dim": 512}
    vocabulary = 2545
    network = DiT(**sizes, conv_layers=4, text_num_embeds=vocabulary, mel_dim=100)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "norm.linear" in name or "norm_out.linear" in name or "proj_out" in name:
                torch.nn.init.normal_(parameter, 0.0, 0.02)
            elif name.endswith(("grn.gamma", "grn.beta")):
                torch.nn.init.normal_(parameter, 0.0, 0.1)
    model = CFM(transformer=network, mel_spec_kwargs={"n_mel_channels": 100}).eval()
    known = torch.randn(1, reference, 100) * 2 - 4
    ids = torch.randint(0, vocabulary, (1, letters))
    state = {f"ema_model.{k}": v for k, v in model.state_dict().items()}

    def run():
        found, _ = model.sample(
            known,
            ids,
            frames,
            steps=steps,
            cfg_strength=2.0,
            sway_sampling_coef=-1.0,
            seed=SAMPLE_SEED,
        )
        return found

    return state, {"ids": ids[0].tolist()}, known, run


SAMPLE_SEED = 7
BUILD = {"glow": build_glow, "hifigan": build_hifigan, "f5": build_f5} | ZOO


def build(folder, model, seed, threads, **arguments):
    import numpy as np
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    state, config, given, run = BUILD[model](**arguments)
    torch.save({"model": state}, folder / "model.pth")
    np.save(folder / "input.npy", given.numpy())
    (folder / "config.json").write_text(json.dumps(config))
    return run, sum(v.numel() for v in state.values())


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the peer prints is no answer
    logging.disable(logging.INFO)
    folder, run, last = Path(), None, None
    for line in sys.stdin:
        request = json.loads(line)
        task = request.pop("do")
        if task == "build":
            folder = Path(request.pop("folder"))
            (run, values), last = build(folder, **request), None
            import torch

            answer = {"values": values, "torch": torch.__version__}
        elif task == "output":
            import numpy as np

            np.save(folder / "output.npy", (run() if last is None else last).numpy())
            answer = {}
        else:
            begin, cpu = time.perf_counter(), time.process_time()
            last = run()
            answer = {"wall": time.perf_counter() - begin, "cpu": time.process_time() - cpu}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
