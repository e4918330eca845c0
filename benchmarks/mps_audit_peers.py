"""The audit in a peer's own interpreter: its models at toy size, one JSON line per finished audit.

Knows how the peers are built and called; `mps_audit.py` starts it and says what was found. The
weights are random, the inputs of real length: limits are about lengths, kernels about neither.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import random
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

SAID = "The audience left the theatre late, and nobody spoke on the way down to the river."
BIGVGAN = Path("configs/bigvgan_v2_24khz_100band_256x.json")
XTTS = {
    "gpt_layers": 2,
    "gpt_n_model_channels": 64,
    "gpt_n_heads": 2,
    "gpt_max_audio_tokens": 80,
    "gpt_number_text_tokens": 300,
    "gpt_start_text_token": 261,
    "gpt_stop_text_token": 0,
    "gpt_num_audio_tokens": 1026,
    "gpt_start_audio_token": 1024,
    "gpt_stop_audio_token": 1025,
    "gpt_use_perceiver_resampler": True,
    "decoder_input_dim": 64,
}
PATH = re.compile(r"/[^\s'\"]+/")


@dataclass(frozen=True)
class Work:
    """`build(device)` makes a model and returns what runs it once."""

    name: str
    inputs: str
    build: Callable[[Any], Callable[[], Any]]


def _cfm(device: Any, kind: str) -> Any:
    from f5_tts.model import CFM, DiT, UNetT

    sizes = {"dim": 64, "heads": 2, "dim_head": 32, "ff_mult": 2, "text_num_embeds": 256}
    if kind == "f5":
        network = DiT(**sizes, depth=2, text_dim=32, conv_layers=2, mel_dim=100)
    else:
        network = UNetT(**sizes, depth=4, text_mask_padding=False, pe_attn_head=1, mel_dim=100)
    return CFM(transformer=network, mel_spec_kwargs={"n_mel_channels": 100}).to(device)


def _sampling(kind: str, rows: int = 1) -> Callable[[Any], Callable[[], Any]]:
    def build(device: Any) -> Callable[[], Any]:
        import torch

        model = _cfm(device, kind).eval()
        known = (torch.randn(rows, 6 * 24000) * 0.1).to(device)
        frames = torch.tensor([1125, 900][:rows]).to(device)
        how = {"steps": 8, "cfg_strength": 2.0, "sway_sampling_coef": -1.0, "seed": 1}
        return lambda: model.sample(known, [SAID, SAID[:40]][:rows], frames, **how)[0]

    return build


def _f5_training(device: Any) -> Callable[[], Any]:
    import torch

    model = _cfm(device, "f5").train()
    mel = torch.randn(2, 300, 100).to(device)
    lengths = torch.tensor([300, 200]).to(device)

    def step() -> Any:
        model.zero_grad(set_to_none=True)
        random.seed(1)
        model(mel, [SAID, SAID[:40]], lens=lengths)[0].backward()

    return step


def _vocos(device: Any) -> Callable[[], Any]:
    import torch
    from vocos.feature_extractors import MelSpectrogramFeatures
    from vocos.heads import ISTFTHead
    from vocos.models import VocosBackbone
    from vocos.pretrained import Vocos

    head = ISTFTHead(32, n_fft=1024, hop_length=256, padding="center")
    model = Vocos(MelSpectrogramFeatures(), VocosBackbone(100, 32, 64, 2), head).eval().to(device)
    mel = torch.randn(1, 100, 5626).to(device)
    return lambda: model.decode(mel)


def _bigvgan(device: Any) -> Callable[[], Any]:
    import torch

    module: Any = importlib.import_module("bigvgan")
    sizes = json.loads((Path(module.__file__).parent / BIGVGAN).read_text(encoding="utf-8"))
    sizes["upsample_initial_channel"] = 64
    model = module.BigVGAN(importlib.import_module("env").AttrDict(sizes))
    model.remove_weight_norm()
    model = model.eval().to(device)
    mel = torch.randn(1, 100, 300).to(device)
    return _quiet(lambda: model(mel))


def _quiet(call: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        import torch

        with torch.inference_mode():
            return call()

    return run


def _hifigan(frames: int) -> Callable[[Any], Callable[[], Any]]:
    def build(device: Any) -> Callable[[], Any]:
        import torch
        from TTS.vocoder.configs.hifigan_config import HifiganConfig
        from TTS.vocoder.models.hifigan_generator import HifiganGenerator

        sizes: Any = HifiganConfig().generator_model_params | {"upsample_initial_channel": 32}
        model = HifiganGenerator(in_channels=80, out_channels=1, **sizes).eval()
        model.remove_weight_norm()
        model = model.to(device)
        mel = torch.randn(1, 80, frames).to(device)
        return lambda: model.inference(mel)

    return build


def _glow_model(device: Any) -> Any:
    import torch
    from TTS.tts.configs.glow_tts_config import GlowTTSConfig
    from TTS.tts.models.glow_tts import GlowTTS

    layers = {"kernel_size": 3, "dropout_p": 0.1, "num_layers": 2, "num_heads": 2}
    model: Any = GlowTTS(
        GlowTTSConfig(
            hidden_channels_enc=32,
            hidden_channels_dec=32,
            hidden_channels_dp=32,
            num_flow_blocks_dec=3,
            inference_noise_scale=0.33,
            encoder_params=layers | {"hidden_channels_ffn": 64, "input_length": None},
        )
    )
    with torch.no_grad():
        model.encoder.duration_predictor.proj.bias.fill_(1.7)  # five frames a symbol
    return model.to(device)


def _glow(device: Any) -> Callable[[], Any]:
    import torch

    model = _glow_model("cpu").eval()
    model.store_inverse()  # as after loading a checkpoint, which happens before it is moved
    model = model.to(device)
    ids = torch.randint(1, 60, (1, 100)).to(device)
    given = {"x_lengths": torch.tensor([100]).to(device), "d_vectors": None, "speaker_ids": None}
    return lambda: model.inference(ids, given)["model_outputs"]


def _glow_training(device: Any) -> Callable[[], Any]:
    import torch

    model = _glow_model(device).train()
    criterion = model.get_criterion()
    ids, mel = torch.randint(1, 60, (2, 60)).to(device), torch.randn(2, 300, 80).to(device)
    batch = {
        "text_input": ids,
        "text_lengths": torch.tensor([60, 40]).to(device),
        "mel_input": mel,
        "mel_lengths": torch.tensor([300, 200]).to(device),
        "d_vectors": None,
        "speaker_ids": None,
    }
    model.run_data_dep_init = False

    def step() -> Any:
        model.zero_grad(set_to_none=True)
        model.train_step(batch, criterion)[1]["loss"].backward()

    return step


def _vits(device: Any) -> Callable[[], Any]:
    import torch
    from TTS.tts.configs.vits_config import VitsConfig
    from TTS.tts.models.vits import Vits

    config = VitsConfig()
    sizes = config.model_args
    sizes.hidden_channels, sizes.hidden_channels_ffn_text_encoder = 32, 64
    sizes.num_layers_text_encoder = sizes.num_layers_flow = sizes.num_layers_posterior_encoder = 2
    sizes.upsample_initial_channel_decoder, sizes.init_discriminator = 32, False
    sizes.length_scale = 4.0  # random weights speak fast
    model = Vits(config).eval().to(device)
    ids = torch.randint(1, 60, (1, 100)).to(device)
    return lambda: model.inference(ids)["model_outputs"]


def _xtts(device: Any) -> Any:
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.layers.xtts.hifigan_decoder import HifiDecoder
    from TTS.tts.models.xtts import Xtts

    config = XttsConfig()
    for key, value in XTTS.items():
        setattr(config.model_args, key, value)
    model: Any = Xtts(config)
    model.hifigan_decoder = HifiDecoder(decoder_input_dim=64, upsample_initial_channel_decoder=32)
    model.gpt.init_gpt_for_inference(kv_cache=True)
    model.eval()
    return model.to(device)


def _xtts_latents(device: Any) -> Callable[[], Any]:
    import torch

    model = _xtts(device)
    audio = (torch.randn(1, 12 * 22050) * 0.1).to(device)
    return lambda: model.get_gpt_cond_latents(audio, 22050, length=12, chunk_length=4)


def _xtts_speaker(device: Any) -> Callable[[], Any]:
    import torch

    model = _xtts(device)
    audio = (torch.randn(1, 6 * 22050) * 0.1).to(device)
    return lambda: model.get_speaker_embedding(audio, 22050)


def _xtts_gpt(device: Any) -> Callable[[], Any]:
    """As `Xtts.inference` does between the tokeniser and the decoder."""
    import torch

    model = _xtts(device)
    known = torch.randn(1, 32, 64).to(device)
    ids = torch.randint(1, 260, (1, 40), dtype=torch.int32).to(device)
    how = {"do_sample": True, "top_p": 0.85, "top_k": 50, "temperature": 0.75, "num_beams": 1}
    how |= {"num_return_sequences": 1, "length_penalty": 1.0, "repetition_penalty": 10.0}

    def run() -> Any:
        codes = model.gpt.generate(
            cond_latents=known, text_inputs=ids, output_attentions=False, **how
        )
        stride = model.gpt.code_stride_len
        return model.gpt(
            ids,
            torch.tensor([ids.shape[-1]], device=ids.device),
            codes,
            torch.tensor([codes.shape[-1] * stride], device=ids.device),
            cond_latents=known,
            return_attentions=False,
            return_latent=True,
        )

    return _quiet(run)


def _xtts_decoder(device: Any) -> Callable[[], Any]:
    import torch

    model = _xtts(device)
    latents, speaker = torch.randn(1, 70, 64).to(device), torch.randn(1, 512, 1).to(device)
    return lambda: model.hifigan_decoder.inference(latents, speaker)


FAMILIES: dict[str, tuple[Work, ...]] = {
    "f5": (
        Work("F5-TTS v1: sample", "6 s reference, 12 s in all, 8 steps", _sampling("f5")),
        Work("F5-TTS v1: sample, batch", "two of 12 and 9.6 s, 8 steps", _sampling("f5", 2)),
        Work("F5-TTS v1: training step", "2 x 300 frames, forward and backward", _f5_training),
        Work("E2-TTS: sample", "6 s reference, 12 s in all, 8 steps", _sampling("e2")),
        Work("Vocos: decode", "60 s", _vocos),
    ),
    "bigvgan": (Work("BigVGAN v2: forward", "3.2 s", _bigvgan),),
    "coqui": (
        Work("HiFi-GAN: inference, 3.2 s", "276 frames at 22.05 kHz", _hifigan(276)),
        Work("HiFi-GAN: inference, 15 s", "1292 frames at 22.05 kHz", _hifigan(1292)),
        Work("GlowTTS: inference", "100 symbols", _glow),
        Work("GlowTTS: training step", "2 x 300 frames, forward and backward", _glow_training),
        Work("VITS: inference", "100 symbols", _vits),
        Work("XTTS v2: conditioning latents", "12 s reference in pieces of 4 s", _xtts_latents),
        Work("XTTS v2: speaker embedding", "6 s reference", _xtts_speaker),
        Work("XTTS v2: GPT", "40 text tokens, up to 77 codes, sampled, with cache", _xtts_gpt),
        Work("XTTS v2: decoder", "70 codes, 3.3 s", _xtts_decoder),
    ),
}
PACKAGES = {"f5": ("f5-tts", "vocos"), "coqui": ("coqui-tts", "transformers"), "bigvgan": ()}


def workloads() -> dict[str, Work]:
    """What the strict engine's process asks for: it finds the work by name."""
    return {work.name: work for works in FAMILIES.values() for work in works}


def ours() -> tuple[Work, ...]:
    """This package's own workloads, `family.name`, at toy size."""

    from vivavoce.models import MODELS
    from vivavoce.vocoders import VOCODERS

    both = MODELS.workloads() | VOCODERS.workloads()
    return tuple(Work(name, work.description, work.build) for name, work in both.items())


def audits(
    work: Work, torches: list[str], macos: list[str], strict: Collection[str]
) -> Iterator[Any]:
    """One dict per engine and torch; `failed` instead of findings where there is no answer."""
    import torch

    from mpsaudit import audit

    about = {"work": work.name, "inputs": work.inputs}
    shape: list[int] = []
    torch.manual_seed(1)
    try:
        call = work.build("cpu")
    except Exception as error:  # noqa: BLE001 - a peer that cannot be built is a result
        yield {**about, "engine": "portable", "failed": f"not built: {_said(error)}"}
        return

    def run() -> None:
        made = call()
        shape[:] = getattr(made, "shape", ())

    jobs: list[tuple[Any, str | None]] = [(run, version or None) for version in torches]
    if work.name in strict:
        jobs.append((f"{Path(__file__).stem}:{work.name}", None))
    for target, version in jobs:
        engine = "strict" if target is not run else "portable"
        torch.manual_seed(1)
        try:
            report = audit(target, torch=version, macos=macos, strict=engine == "strict")
        except Exception as error:  # noqa: BLE001 - likewise
            yield {**about, "engine": engine, "torch": version or "", "failed": _said(error)}
            continue
        yield {**about, **asdict(report), "inputs": work.inputs, "gives": list(shape)}


def _said(error: Exception) -> str:
    """Type and first line, without this machine's folders."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {PATH.sub('', first)}"


def versions(family: str) -> dict[str, str]:
    names = ("torch", *PACKAGES.get(family, ()))
    return {name: metadata.version(name) for name in names}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a peer prints is no answer
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    job = json.loads(sys.argv[1])
    sys.path[:0] = [folder for folder in (job["bigvgan"], job["src"]) if folder]
    family, only = job["family"], job["only"]
    works = ours() if family == "ours" else FAMILIES[family]

    def answer(line: Any) -> None:
        answers.write(json.dumps({"family": family, **line}) + "\n")
        answers.flush()

    answer({"versions": versions(family)})
    for work in works:
        if only in work.name:
            for result in audits(work, job["torch"], job["macos"], job["strict"]):
                answer(result)


if __name__ == "__main__":
    main()
