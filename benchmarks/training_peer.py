"""Takes a published trainer's steps when asked, one JSON line per request. Needs the peer's
interpreter only (f5-tts, or coqui-tts).

{"do": "load", "family": "f5", "folder": FOLDER, "threads": 1} reads FOLDER/batch.npz, builds the
model at full size with random weights and its own trainer's optimiser; {"do": "step"} answers
{"wall": ..., "cpu": ..., "loss": ...}, {"do": "prepare"} the seconds of what XTTS' trainer does to
a batch before each step: mels and codes.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path


class F5Steps:
    """`f5_tts.model.trainer.Trainer`: its model, optimiser and average, its loop's body."""

    def __init__(self, folder, batch, depth):
        import torch
        from f5_tts.model import CFM, DiT
        from f5_tts.model.trainer import Trainer

        sizes = {"dim": 1024, "depth": depth, "heads": 16, "ff_mult": 2, "text_dim": 512}
        tokens = 2545
        network = DiT(**sizes, conv_layers=4, text_num_embeds=tokens, mel_dim=100)
        for name, parameter in network.named_parameters():
            if "norm.linear" in name or "norm_out.linear" in name or "proj_out" in name:
                torch.nn.init.normal_(parameter, 0.0, 0.02)
        characters = {chr(0x4E00 + n): n for n in range(tokens)}
        model = CFM(
            transformer=network, mel_spec_kwargs={"n_mel_channels": 100}, vocab_char_map=characters
        )
        self.trainer = Trainer(
            model, 1, 1e-5, checkpoint_path=str(folder / "ckpts"), max_grad_norm=1.0, logger=None
        )
        self.trainer.model.train()
        self.mel = torch.from_numpy(batch["mel"])  # [B, N, M]
        self.lengths = torch.from_numpy(batch["lengths"])
        self.ids = torch.from_numpy(batch["ids"])

    def step(self):
        trainer = self.trainer
        with trainer.accelerator.accumulate(trainer.model):
            loss, _, _ = trainer.model(self.mel, text=self.ids, lens=self.lengths)
            trainer.accelerator.backward(loss)
            trainer.accelerator.clip_grad_norm_(trainer.model.parameters(), trainer.max_grad_norm)
            trainer.optimizer.step()
            trainer.optimizer.zero_grad()
        trainer.ema_model.update()
        return loss.item()


class XttsSteps:
    """`GPTTrainer` with the settings of the published recipe, and what coqui's trainer does in a
    step: mels and codes, the losses, AdamW."""

    def __init__(self, folder, batch, depth):
        import torch
        from TTS.tts.layers.xtts.dvae import DiscreteVAE
        from TTS.tts.layers.xtts.trainer.gpt_trainer import GPTArgs, GPTTrainer, GPTTrainerConfig
        from TTS.tts.models.xtts import XttsAudioConfig

        dvae = DiscreteVAE(
            channels=80, normalization=None, positional_dims=1, num_tokens=1024, codebook_dim=512,
            hidden_dim=512, num_resnet_blocks=3, kernel_size=3, num_layers=2,
            use_transposed_convs=False,
        )  # fmt: skip
        torch.save(dvae.state_dict(), folder / "peer_dvae.pth")
        torch.save(torch.ones(80), folder / "peer_mel_stats.pth")
        args = GPTArgs(
            mel_norm_file=str(folder / "peer_mel_stats.pth"),
            dvae_checkpoint=str(folder / "peer_dvae.pth"),
            tokenizer_file=str(folder / "vocab.json"),
            gpt_layers=depth,
            gpt_num_audio_tokens=1026,
            gpt_start_audio_token=1024,
            gpt_stop_audio_token=1025,
            gpt_use_masking_gt_prompt_approach=True,
            gpt_use_perceiver_resampler=True,
        )
        audio = XttsAudioConfig(sample_rate=22050, dvae_sample_rate=22050, output_sample_rate=24000)
        config = GPTTrainerConfig(
            model_args=args,
            audio=audio,
            optimizer="AdamW",
            optimizer_wd_only_on_weights=True,
            optimizer_params={"betas": [0.9, 0.96], "eps": 1e-8, "weight_decay": 1e-2},
            lr=5e-6,
        )
        self.model = GPTTrainer(config)
        self.model.eval()
        self.model.xtts.gpt.train()  # as its own `on_train_epoch_start`
        self.optimizer = self.model.get_optimizer()
        self.torch, self.batch = torch, batch

    def given(self):
        torch, batch = self.torch, self.batch
        return {
            "wav": torch.from_numpy(batch["samples"])[:, None],
            "wav_lengths": torch.from_numpy(batch["sample_lengths"]),
            "padded_text": torch.from_numpy(batch["tokens"]).int(),
            "text_lengths": torch.from_numpy(batch["token_lengths"]),
            "conditioning": torch.from_numpy(batch["prompt"])[:, None, None],
            "cond_idxs": torch.from_numpy(batch["prompt_spans"]),
            "cond_lens": None,
        }

    def prepare(self):
        return self.model.format_batch_on_device(self.given())

    def step(self):
        _, losses = self.model.train_step(self.prepare(), None)
        losses["loss"].backward()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return losses["loss"].item()


FAMILIES = {"f5": F5Steps, "xtts": XttsSteps}


def timed(run):
    begin, cpu = time.perf_counter(), time.process_time()
    found = run()
    spent = {"wall": time.perf_counter() - begin, "cpu": time.process_time() - cpu}
    return spent | ({"loss": found} if isinstance(found, float) else {})


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the peer prints is no answer
    logging.disable(logging.WARNING)
    work = None
    for line in sys.stdin:
        request = json.loads(line)
        task = request.pop("do")
        if task == "load":
            import numpy as np
            import torch

            torch.manual_seed(1)
            folder = Path(request["folder"])
            with np.load(folder / "batch.npz") as found:
                batch = dict(found)
            work = FAMILIES[request["family"]](folder, batch, request["depth"])
            torch.set_num_threads(request["threads"])  # importing a peer may have set them
            answer = {"torch": torch.__version__}
        else:
            answer = timed(getattr(work, task))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
