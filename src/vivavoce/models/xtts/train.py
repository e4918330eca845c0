"""Fine-tuning XTTS: its GPT and its conditioning, on texts and the codes of recordings.

Shapes: B rows, L tokens, K codes, S samples, N latents, W width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vivavoce.audio import io
from vivavoce.audio.features import FeatureExtractor
from vivavoce.audio.specs import DVAE_22K, XTTS_COND_V1, XTTS_COND_V2, XTTS_LATENTS
from vivavoce.checkpoints import store
from vivavoce.checkpoints.remap import strict_load
from vivavoce.config import from_dict, to_dict
from vivavoce.errors import AudioError, ConfigError, TextError
from vivavoce.models.xtts import growth, prompt
from vivavoce.models.xtts.coder import Coder, read_dvae
from vivavoce.models.xtts.config import XttsConfig
from vivavoce.models.xtts.dvae import Dvae
from vivavoce.models.xtts.dvae_train import DvaeTask
from vivavoce.models.xtts.model import Xtts
from vivavoce.models.xtts.official_export import official_name
from vivavoce.models.xtts.shape import activations
from vivavoce.models.xtts.teaching import STOPS, PackedRows, TeacherForcing, packed
from vivavoce.models.xtts.text import Tokenizer, language_code
from vivavoce.nn import lora
from vivavoce.nn.counted import CountedTask
from vivavoce.nn.task import ActivationShape, Batch, Task
from vivavoce.runtime import full_precision
from vivavoce.types import FeatureSpec, Tokens

VOCODER = "vocoder."
UNDECAYED = (nn.LayerNorm, nn.GroupNorm, nn.Embedding)


@dataclass(frozen=True, kw_only=True)
class XttsLoss:
    """How XTTS is trained; the defaults are the published trainer's but for `attention_dropout`.

    `part` is what is trained: the GPT, or the `dvae`, the discrete VAE that makes codes of
    recordings, which lies at `dvae`. `prompt_s`: the voice is taken from a crop of this many
    seconds of the recording itself; with `hide_prompt` what the crop holds is not scored.
    `dropout` is of the GPT's embeddings and sums; `attention_dropout`, 0.1 when published, of its
    attention: without CUDA's kernels it costs memory. `voice` are recordings whose voice the
    exported model has as its first speaker, called `voice_name`.
    """

    part: Literal["gpt", "dvae"] = "gpt"
    dvae: Path | None = None
    text_weight: float = 0.01
    code_weight: float = 1.0
    dropout: float = 0.1
    attention_dropout: float = 0.0
    prompt_s: tuple[float, float] = (3.0, 6.0)
    hide_prompt: bool = False
    voice: tuple[Path, ...] = ()
    voice_name: str = "me"

    def __post_init__(self) -> None:
        if not 0 < self.prompt_s[0] <= self.prompt_s[1]:
            raise ValueError("prompt_s must be two lengths above 0, the shorter first.")
        if not (0 <= self.dropout < 1 and 0 <= self.attention_dropout < 1):
            raise ValueError("dropout and attention_dropout must be in [0, 1).")


def build_task(tables: Mapping[str, Any], speakers: tuple[str, ...]) -> Task:
    """The task of the recipe's `loss.part`."""
    loss = from_dict(XttsLoss, dict(tables.get("loss", {})), "loss")
    return DvaeTask(read_dvae(_required(loss))) if loss.part == "dvae" else gpt_task(tables, loss)


def _required(loss: XttsLoss) -> Path:
    if loss.dvae is None:
        raise ConfigError(
            "loss.dvae is not set: codes are made by the checkpoint's discrete VAE.",
            "Set it to the dvae.pth of the official XTTS release.",
        )
    return loss.dvae


def gpt_task(tables: Mapping[str, Any], loss: XttsLoss) -> XttsTask:
    """From a recipe's tables. `text` holds the vocabulary of the start, and the `language` of rows
    that name none. Raises ConfigError, BadCheckpoint.
    """
    text, language = growth.text_of(tables)
    if not text.vocabulary:
        raise ConfigError(
            "XTTS is trained from a checkpoint only.", "Set start.model to an XTTS, or its folder."
        )
    tokenizer = Tokenizer(text)
    _require_language(language, tokenizer)
    model = dict(tables.get("model", {})) | {"text_tokens": tokenizer.n_tokens}
    config = from_dict(XttsConfig, model, "model")
    spec = from_dict(FeatureSpec, to_dict(XTTS_LATENTS) | dict(tables.get("features", {})))
    return XttsTask(Xtts(config, spec, text), loss, language)


extended = growth.extended


def _require_language(language: str, tokenizer: Tokenizer) -> None:
    try:
        language_code(language, tokenizer.languages)
    except TextError as error:
        raise ConfigError(
            f"The vocabulary has no language '{language}'.",
            "Set start.vocabulary = 'extend', or text.language to one that it has.",
        ) from error


class XttsTask(CountedTask):
    """Paper section 2.2: cross-entropy of codes, and a little of the text's."""

    needs = frozenset({"tokens", "samples", "codes"})
    segment_frames = None
    spec = DVAE_22K
    groups: Mapping[str, tuple[str, ...]] = {
        "text": ("gpt.text_*",),
        "codes": ("gpt.code_*",),
        "attention": ("gpt.blocks.*.qkv.*", "gpt.blocks.*.out.*"),
        "feed_forward": ("gpt.blocks.*.up.*", "gpt.blocks.*.down.*"),
        "conditioning": ("conditioning.*",),
    }
    adapter_targets = tuple(f"gpt.blocks.*.{name}" for name in ("qkv", "out", "up", "down"))

    def __init__(self, model: Xtts, loss: XttsLoss | None = None, language: str = "en") -> None:
        super().__init__()
        self.exported: Xtts = model  # pyright: ignore[reportIncompatibleVariableOverride]
        self.loss, self.language = loss or XttsLoss(), language
        self.weights = {"text": self.loss.text_weight, "codes": self.loss.code_weight}
        model.speaker_encoder.requires_grad_(False)
        self.teaching = TeacherForcing(model.gpt, self.loss.dropout, self.loss.attention_dropout)
        self.hear = FeatureExtractor(XTTS_COND_V2 if model.config.perceiver else XTTS_COND_V1)
        self.manifest: dict[str, Any] = {}
        self.beside: dict[str, Tensor] = {}
        self.dvae: list[Dvae] = []  # in a list: no part of this module

    def parts(self) -> dict[str, nn.Module]:
        return {"model": self.exported}

    def encode_row(self, text: str, language: str) -> Tokens:
        model = self.exported
        assert model.tokenizer is not None
        tokens = model.tokenizer.encode(text, language or self.language)
        if len(tokens) > model.config.max_text:
            raise TextError(
                f"The text has {len(tokens)} tokens; at most {model.config.max_text} fit.",
                "Split the recording and its text.",
            )
        return tokens

    def derived(self) -> Mapping[str, str]:
        return {"codes": self._coder().identity}

    def derive(self, kind: str, samples: Tensor) -> Tensor:
        """The codes of a recording. Raises AudioError for more than the model holds."""
        codes, most = self._coder().codes(samples), self.exported.config.max_codes - 1
        if len(codes) > most:
            raise AudioError(
                f"The recording has {len(codes)} codes; the limit is {most}.", "Lower data.max_s."
            )
        return codes

    def _coder(self) -> Coder:
        if not self.dvae:
            self.dvae.append(read_dvae(_required(self.loss)))
        config = self.exported.config
        return Coder(self.dvae[0], self.exported.mel_stats, config.code_samples)

    def decayed(self, name: str, parameter: nn.Parameter) -> bool:
        """As published: no biases, and no weight of a norm or an embedding."""
        owner = self.exported.get_submodule(name.rpartition(".")[0])
        return not (name.endswith(".bias") or isinstance(owner, UNDECAYED))

    def published_name(self, name: str) -> str:
        """As Coqui's program calls it."""
        return official_name(name)

    def take(self, tensors: Mapping[str, Tensor], tables: Mapping[str, Any]) -> None:
        """A longer vocabulary gets new rows (growth.py); the vocoder is kept for the export."""
        self.manifest = dict(tables)
        self.beside = {k: v for k, v in tensors.items() if k.startswith(VOCODER)}
        own = {k: v for k, v in tensors.items() if not k.startswith(VOCODER)}
        assert self.exported.tokenizer is not None
        model, names = self.exported, tuple(tables.get("speakers", ()))
        self.exported.speaker_names = names
        for key in ("speaker_latents", "speaker_embeddings"):
            model.register_buffer(key, torch.zeros_like(own[key]))
        before = str(tables.get("text", {}).get("vocabulary", ""))
        grown = growth.grown(own, before, growth.vocabulary_of(model))
        strict_load(model, grown)
        self.new_parts = growth.NEW_PARTS if grown is not own else ()

    def draw(self, batch: Batch) -> Batch:
        """The samples give way to a crop of each row, which its voice is taken from."""
        self.dvae.clear()  # all codes are made by now
        lengths, bounds = batch["sample_lengths"].tolist(), self.loss.prompt_s
        found = prompt.spans(lengths, bounds, self.training)
        heard = prompt.crops(batch["samples"], found, bounds)
        hidden = torch.stack([found[:, 0], found[:, 1]], 1) // self.exported.config.code_samples
        kept = {k: v for k, v in batch.items() if k not in ("samples", "sample_lengths")}
        return {**kept, "prompt": heard, "hidden": hidden.to(heard.device)}

    def counts(self, drawn: Batch) -> dict[str, Tensor]:
        rows = self.rows(drawn)
        return {
            "text": (rows.text_targets >= 0).sum().float(),
            "codes": (rows.code_targets >= 0).sum().float(),
        }

    def sums(self, drawn: Batch) -> dict[str, Tensor]:
        return self.teaching.sums(self.latents(drawn["prompt"]), self.rows(drawn))

    def latents(self, heard: Tensor) -> Tensor:
        """Crops `[B, S]` at 22,050 Hz to the latents `[B, N, W]` of their voices."""
        with full_precision(heard), torch.no_grad():
            mel = self.hear(heard.float()) / self.exported.mel_stats.float()[:, None]
        return self.exported.conditioning(mel)

    def rows(self, drawn: Batch) -> PackedRows:
        tokens, codes = drawn["tokens"], drawn["codes"]
        width = tokens.shape[1] + 1 + codes.shape[1] + STOPS
        hidden = drawn["hidden"] if self.loss.hide_prompt and self.training else None
        lengths = drawn["token_lengths"], drawn["code_lengths"]
        return packed(self.exported.config, tokens, lengths[0], codes, lengths[1], width, hidden)

    def sample(self, batch: Batch) -> dict[str, Tensor]:
        """Nothing: what the model says is heard by the recipe's `[speak]`."""
        return {}

    def export(self, folder: Path) -> None:
        model = self.exported
        voices, tensors = self._with_voice(lora.merged_state(model))
        manifest = {
            **self.manifest,
            "kind": "acoustic",
            "family": model.family,
            "name": folder.name,
            "config": to_dict(model.config),
            "features": to_dict(model.spec),
            "text": {"vocabulary": growth.vocabulary_of(model)},
            "speakers": list(voices),
        }
        if model.tokenizer is not None:
            manifest["languages"] = list(model.tokenizer.languages)
        for filled_in in ("format", "weights", "variant"):
            manifest.pop(filled_in, None)
        store.save(folder, manifest, {**tensors, **self.beside})

    def _with_voice(self, tensors: dict[str, Tensor]) -> tuple[Sequence[str], dict[str, Tensor]]:
        """The speakers, the recipe's voice first, and the tensors with what it sounds like."""
        model, names = self.exported, self.exported.speaker_names
        if not self.loss.voice:
            return names, tensors
        heard = [io.read(path) for path in self.loss.voice]
        training = model.training
        voice = model.eval().make_voice(heard, name=self.loss.voice_name)
        model.train(training)
        first = {"speaker_latents": "latents", "speaker_embeddings": "embedding"}
        kept = [i for i, name in enumerate(names) if name != self.loss.voice_name]
        for key, its in first.items():
            made = voice.tensors[its][None].to(tensors[key])
            tensors[key] = torch.cat([made, tensors[key][kept]])
        return [self.loss.voice_name, *(names[i] for i in kept)], tensors

    def activations(self) -> ActivationShape:
        return activations(self.exported.config, self.loss.dropout, self.loss.prompt_s[1])

    def recompute(self, wanted: bool) -> bool:
        self.teaching.recompute = wanted
        return wanted
