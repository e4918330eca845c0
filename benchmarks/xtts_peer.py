"""Runs coqui-tts' XTTS when asked, one JSON line per request. Needs the peer's interpreter only.

{"do": "load", "folder": FOLDER, "threads": 2} comes first; every other request names a method of
`Work` and its arguments. Seconds are by the wall; arrays go to FOLDER/peer_NAME.npy.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import time
from pathlib import Path

LANGUAGE = "en"
SAMPLING = ("temperature", "top_k", "top_p", "repetition_penalty", "length_penalty")


class Work:
    """The peer's model, loaded as its own API does, with its configuration's sampling."""

    def __init__(self, folder: str, threads: int):
        import torch
        from TTS.tts.configs.xtts_config import XttsConfig
        from TTS.tts.models.xtts import Xtts

        torch.set_num_threads(threads)
        self.torch, self.folder = torch, Path(folder)
        config = XttsConfig()
        config.load_json(str(self.folder / "config.json"))
        self.model = Xtts.init_from_config(config)
        self.model.load_checkpoint(config, checkpoint_dir=folder, use_deepspeed=False)
        self.model.eval()
        self.sampling = {name: config[name] for name in SAMPLING}
        self.chunking = {"length": config.gpt_cond_len, "chunk_length": config.gpt_cond_chunk_len}
        speaker = next(iter(self.model.speaker_manager.speakers.values()))
        self.latents, self.embedding = speaker["gpt_cond_latent"], speaker["speaker_embedding"]
        self.states = None

    def about(self):
        import transformers
        import TTS

        return {
            "torch": self.torch.__version__,
            "coqui-tts": TTS.__version__,
            "transformers": transformers.__version__,
        }

    def how(self, codes, sample):
        return self.sampling | {"do_sample": sample, "num_beams": 1, "max_new_tokens": codes}

    def decode(self, text, codes, sample=False, seed=0):
        """Codes one by one, then the second pass that turns them into latents."""
        torch, gpt = self.torch, self.model.gpt
        ids = torch.IntTensor(self.model.tokenizer.encode(text.lower(), lang=LANGUAGE))[None]
        torch.manual_seed(seed)
        with torch.inference_mode():
            begin = time.perf_counter()
            found = gpt.generate(
                cond_latents=self.latents,
                text_inputs=ids,
                num_return_sequences=1,
                output_attentions=False,
                **self.how(codes, sample),
            )
            middle = time.perf_counter()
            self.states = gpt(
                ids,
                torch.tensor([ids.shape[-1]]),
                found,
                torch.tensor([found.shape[-1] * gpt.code_stride_len]),
                cond_latents=self.latents,
                return_attentions=False,
                return_latent=True,
            )
            end = time.perf_counter()
        self.save("states", self.states)
        return {
            "seconds": end - begin,
            "generate": middle - begin,
            "second_pass": end - middle,
            "codes": found[0].tolist(),
            "ids": ids[0].tolist(),
            "prefix": self.latents.shape[1] + ids.shape[-1] + 2,
        }

    def vocode(self):
        """The waveform of the last decoding's latents."""
        with self.torch.inference_mode():
            begin = time.perf_counter()
            found = self.model.hifigan_decoder(self.states, g=self.embedding)
            seconds = time.perf_counter() - begin
        return {"seconds": seconds, "file": self.save("vocoded", found.flatten())}

    def speak(self, text, codes, sample=True, seed=0):
        self.torch.manual_seed(seed)
        begin = time.perf_counter()
        found = self.model.inference(
            text, LANGUAGE, self.latents, self.embedding, **self.how(codes, sample)
        )
        seconds = time.perf_counter() - begin
        file = self.save(f"speech_{'sampled' if sample else 'greedy'}", found["wav"])
        return {"seconds": seconds, "file": file}

    def stream(self, text, codes, seed=0):
        """Its stream with its defaults, but for the configuration's sampling."""
        self.torch.manual_seed(seed)
        how = self.sampling | {"max_new_tokens": codes}
        first, samples, begin = None, 0, time.perf_counter()
        for chunk in self.model.inference_stream(
            text, LANGUAGE, self.latents, self.embedding, **how
        ):
            samples += chunk.shape[-1]
            first = first or time.perf_counter() - begin
        return {"seconds": time.perf_counter() - begin, "first": first, "samples": samples}

    def condition(self, file):
        """Latents and embedding of a recording (npy, 22,050 Hz), in the configuration's pieces."""
        import numpy as np

        audio = self.torch.from_numpy(np.load(file))[None]
        begin = time.perf_counter()
        latents = self.model.get_gpt_cond_latents(audio, 22050, **self.chunking)
        middle = time.perf_counter()
        embedding = self.model.get_speaker_embedding(audio, 22050)
        end = time.perf_counter()
        pieces = len(audio[0])
        return {
            "seconds": end - begin,
            "latents": middle - begin,
            "embedding": end - middle,
            "latents_file": self.save(f"latents_{pieces}", latents[0]),
            "embedding_file": self.save(f"embedding_{pieces}", embedding.flatten()),
        }

    def memory(self):
        return {"peak": peak()}

    def save(self, name, values):
        import numpy as np

        np.save(self.folder / f"peer_{name}.npy", np.asarray(values))
        return f"peer_{name}.npy"


def peak():
    """Bytes that this process held at its fullest.

    Linux counts into `ru_maxrss` what the parent held when it started us; VmHWM is ours alone.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the peer prints is no answer
    logging.disable(logging.WARNING)
    work = None
    for line in sys.stdin:
        request = json.loads(line)
        task = request.pop("do")
        if task == "load":
            begin = time.perf_counter()
            work = Work(**request)
            answer = work.about() | {"seconds": time.perf_counter() - begin}
        else:
            answer = getattr(work, task)(**request)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
