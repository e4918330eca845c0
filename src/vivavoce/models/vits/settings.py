"""What the configurations of five programs say of a VITS, as our tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vivavoce.audio.specs import SPEAKER_16K
from vivavoce.errors import BadCheckpoint, ConfigError
from vivavoce.models.vits import vectors
from vivavoce.models.vits.config import VitsOptions
from vivavoce.models.vits.sizes import DecoderSettings
from vivavoce.models.vits.text import PiperText, TextConfig
from vivavoce.text.coqui import VITS_CHARACTERS, vocabulary
from vivavoce.text.vocabulary import read_vocabulary

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_IPA = (
    "ɑɐɒæɓʙβɔɕçɗɖðʤəɘɚɛɜɝɞɟʄɡɠɢʛɦɧħɥʜɨɪʝɭɬɫɮʟɱɯɰŋɳɲɴøɵɸθœɶʘɹɺɾɻʀʁɽʂʃʈʧʉʊʋⱱʌɣɤʍχʎʏʑʐʒʔʡʕʢǀǁǂǃ"
    "ˈˌːˑʼʴʰʱʲʷˠˤ˞↓↑→↗↘'\u0329'ᵻ"
)
SYMBOLS = tuple('_;:,.!?¡¿—…"«»“” ' + _LETTERS + _IPA)
"""The publication's alphabet, in the order of its embedding."""

BELONGS = "Put the {} that belongs to this checkpoint beside it."
MOST_SPEAKERS = 100_000
MMS_RATE, RATE = 16_000, 22_050
_COQUI_TEXT = (
    *("model", "model_args", "characters", "text_cleaner", "use_phonemes", "phoneme_language"),
    *("add_blank", "enable_eos_bos_chars"),
)
_ENCODER = {
    "sample_rate": SPEAKER_16K.sample_rate,
    "fft_size": SPEAKER_16K.n_fft,
    "win_length": SPEAKER_16K.win_length,
    "hop_length": SPEAKER_16K.hop_length,
    "num_mels": SPEAKER_16K.n_mels,
    "preemphasis": SPEAKER_16K.preemphasis,
    "use_torch_spec": True,
    "log_input": True,
}
"""What Coqui's config_se.json says of the encoder that is known here."""

_PHONEME_TYPES = ("espeak", "text")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Of one checkpoint; `speakers` in row order.

    `unit_speakers`, `languages` and the settings of a `speaker_encoder` are Coqui's.
    """

    text: TextConfig
    sample_rate: int
    options: VitsOptions = field(default_factory=VitsOptions)
    decoder: DecoderSettings = field(default_factory=DecoderSettings)
    speakers: tuple[str, ...] = ()
    default_speaker: int = 0
    languages: tuple[str, ...] = ()
    unit_speakers: bool = False
    speaker_encoder: dict[str, Any] | None = None


def settings_of(foreign: Mapping[str, Any], rows: int) -> Settings:
    """By the keys that each program writes; `rows` is how many symbols the weights have.

    `foreign["found"]` holds the files beside the checkpoint. Raises BadCheckpoint.
    """
    reader: Callable[[Mapping[str, Any], int], Settings]
    if "phoneme_id_map" in foreign:
        reader = piper
    elif foreign.get("model_type") == "vits":
        reader = hugging_face
    elif "model_args" in foreign or foreign.get("model") == "vits":
        reader = coqui
    elif isinstance(foreign.get("model"), Mapping):
        reader = publication
    else:
        raise BadCheckpoint(
            "The configuration is not from a known program.",
            BELONGS.format("config.json (for a Piper voice its .onnx.json)"),
        )
    try:
        return reader(foreign, rows)
    except ConfigError as error:
        raise BadCheckpoint(f"The configuration: {error.message}", error.advice) from error
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise BadCheckpoint(
            f"The configuration cannot be read ({type(error).__name__}: {error}).",
            BELONGS.format("configuration"),
        ) from error


def piper(foreign: Mapping[str, Any], rows: int) -> Settings:
    """A voice's `.onnx.json`, or the `config.json` of its training."""
    kind = foreign.get("phoneme_type") or "espeak"
    if kind not in _PHONEME_TYPES:
        raise BadCheckpoint(
            f"The voice reads phonemes of the kind '{kind}', which need data that is not here.",
            f"Known: {', '.join(_PHONEME_TYPES)}.",
        )
    said = foreign.get("inference") or {}
    ids = {str(k): _ints(v) for k, v in foreign["phoneme_id_map"].items()}
    too_large = [k for k, v in ids.items() if max(v, default=0) >= rows or min(v, default=0) < 0]
    if too_large:
        raise BadCheckpoint(
            f"The phoneme_id_map goes beyond the {rows} symbols of the weights "
            f"({', '.join(too_large[:5])}).",
            BELONGS.format(".json"),
        )
    text = PiperText(
        phoneme_type=kind,
        ids=ids,
        replacements={str(k): tuple(v) for k, v in (foreign.get("phoneme_map") or {}).items()},
        clusters=tuple(foreign.get("vowel_clusters") or ()),
        silence={str(k): float(v) for k, v in (said.get("phoneme_silence") or {}).items()},
    )
    language = str((foreign.get("espeak") or {}).get("voice") or "")
    if kind == "espeak" and not language:
        raise BadCheckpoint(
            "The configuration has no espeak.voice, the language for espeak-ng.",
            BELONGS.format(".json"),
        )
    return Settings(
        text=TextConfig(kind="piper", language=language, piper=text),
        sample_rate=int((foreign.get("audio") or {}).get("sample_rate") or RATE),
        options=_options(
            said.get("length_scale"), said.get("noise_scale"), said.get("noise_w"), 0.8
        ),
        decoder=_wired(foreign),
        speakers=_by_row(foreign.get("speaker_id_map") or {}),
        default_speaker=int(foreign.get("default_speaker_id") or 0),
    )


def hugging_face(foreign: Mapping[str, Any], rows: int) -> Settings:
    """A `VitsModel`: MMS' languages, and the publication's voices converted."""
    found = foreign.get("found") or {}
    table = _json(found.get("vocab"), "vocab.json")
    tokenizer = _json(found.get("tokenizer") or "{}", "tokenizer_config.json")
    by_row = {int(row): str(symbol) for symbol, row in table.items()}
    symbols = tuple(by_row.get(row, "") for row in range(rows))
    spoken = bool(tokenizer.get("phonemize"))
    text = TextConfig(
        kind="original" if spoken else "mms",
        language="en-us" if spoken else _language(foreign, str(tokenizer.get("language") or "")),
        symbols=symbols,
        romanise=bool(tokenizer.get("is_uroman")),
        add_blank=bool(tokenizer.get("add_blank", True)),
    )
    return Settings(
        text=text,
        sample_rate=int(foreign.get("sampling_rate") or MMS_RATE),
        options=_options(
            1 / float(foreign.get("speaking_rate") or 1),
            foreign.get("noise_scale"),
            foreign.get("noise_scale_duration"),
            0.8,
        ),
        decoder=_decoder(foreign, ""),
    )


def publication(foreign: Mapping[str, Any], rows: int) -> Settings:
    """jaywalnut310's `config.json`, which MMS' fairseq files have too."""
    data, found = foreign.get("data") or {}, foreign.get("found") or {}
    vocabulary = found.get("symbols")
    blank = bool(data.get("add_blank", True))
    if vocabulary is not None:
        text = TextConfig(
            kind="mms",
            language=_language(foreign, ""),
            symbols=read_vocabulary(vocabulary).tokens[:rows],
            romanise=str(data.get("training_files") or "").endswith(".uroman"),
            add_blank=blank,
        )
    else:
        symbols = tuple(foreign.get("symbols") or SYMBOLS)
        if len(symbols) != rows:
            raise BadCheckpoint(
                f"The weights have {rows} symbols, the publication's alphabet {len(symbols)}.",
                BELONGS.format("vocab.txt, one symbol a line,"),
            )
        text = TextConfig(kind="original", symbols=symbols, add_blank=blank)
    return Settings(
        text=text,
        sample_rate=int(data.get("sampling_rate") or (MMS_RATE if vocabulary else RATE)),
        options=VitsOptions(),
        decoder=_decoder(foreign["model"], ""),
    )


def coqui(foreign: Mapping[str, Any], rows: int) -> Settings:
    """Coqui's `config.json` of a VITS or YourTTS. Raises BadCheckpoint for what it cannot be."""
    kind = foreign.get("model", "vits")
    if kind != "vits":
        raise BadCheckpoint(
            f"The weights are a VITS model, the configuration is for a '{kind}'.",
            BELONGS.format("config.json"),
        )
    arguments = foreign.get("model_args") or {}
    if arguments.get("encoder_sample_rate"):
        raise BadCheckpoint(
            "This model's encoder and decoder have different sample rates "
            f"(encoder_sample_rate {arguments['encoder_sample_rate']}).",
            "Only models with one sample rate can be used.",
        )
    text = _without_none({k: foreign[k] for k in _COQUI_TEXT if foreign.get(k) is not None})
    text.setdefault("characters", dict(VITS_CHARACTERS))
    text["model_args"] = {
        k: v for k, v in (text.get("model_args") or {}).items() if k == "add_blank"
    }
    symbols = len(vocabulary(text))
    if symbols > rows:
        raise BadCheckpoint(
            f"config.json has {symbols} symbols, the weights have {rows}.",
            BELONGS.format("config.json"),
        )
    table = _json((foreign.get("found") or {}).get("languages") or "{}", "language_ids.json")
    listed = [str(k) for k, _ in sorted(table.items(), key=lambda item: item[1])]
    listed = listed or list(arguments.get("languages") or ())
    return Settings(
        text=TextConfig(kind="coqui", coqui=text),
        sample_rate=int((foreign.get("audio") or {}).get("sample_rate") or RATE),
        options=_options(
            arguments.get("length_scale"),
            arguments.get("inference_noise_scale"),
            arguments.get("inference_noise_scale_dp"),
            1.0,
        ),
        decoder=_decoder(arguments, "_decoder"),
        speakers=vectors.names_of(foreign.get("found") or {}),
        languages=tuple(listed) if arguments.get("use_language_embedding") else (),
        unit_speakers=bool(arguments.get("use_d_vector_file") or foreign.get("use_d_vector_file")),
        speaker_encoder=_encoder((foreign.get("found") or {}).get("encoder_settings")),
    )


def _encoder(text: str | None) -> dict[str, Any] | None:
    """The speaker encoder's settings. Raises BadCheckpoint for a ResNet that hears other than ours.

    A recurrent encoder hears what they say.
    """
    if text is None:
        return None
    table = _json(text, "config_se.json")
    if str((table.get("model_params") or {}).get("model_name", "resnet")).lower() == "lstm":
        return table
    said = (table.get("audio") or {}) | (table.get("model_params") or {})
    odd = {k: said[k] for k, usual in _ENCODER.items() if said.get(k, usual) != usual}
    if odd:
        raise BadCheckpoint(
            f"The speaker encoder reads unsupported features: {odd}.",
            "Move model_se.pth and config_se.json away to use the model's own speakers.",
        )
    return table


def _by_row(numbers: Mapping[str, Any]) -> tuple[str, ...]:
    """Names in the order of their rows; a row without a name goes by its number."""
    rows = {int(row): str(name) for name, row in numbers.items()}
    if min(rows, default=0) < 0 or max(rows, default=0) > MOST_SPEAKERS:
        raise BadCheckpoint(
            f"speaker_id_map has the invalid number {min(rows) if min(rows) < 0 else max(rows)}.",
            BELONGS.format(".json"),
        )
    return tuple(rows.get(row, str(row)) for row in range(max(rows, default=-1) + 1))


def _options(length: Any, noise: Any, rhythm: Any, usual_rhythm: float) -> VitsOptions:
    return VitsOptions(
        speed=1 / float(length or 1),
        noise_scale=0.667 if noise is None else float(noise),
        duration_noise=usual_rhythm if rhythm is None else float(rhythm),
    )


def _decoder(table: Mapping[str, Any], suffix: str) -> DecoderSettings:
    rates = table.get(f"upsample_rates{suffix}") or ()
    dilations = table.get(f"resblock_dilation_sizes{suffix}") or ()
    return DecoderSettings(_ints(rates), tuple(_ints(row) for row in dilations))


def _wired(foreign: Mapping[str, Any]) -> DecoderSettings:
    """What the graph of an `.onnx` said."""
    said = (foreign.get("found") or {}).get("graph") or {}
    return _decoder(said, "")


def _ints(values: Any) -> tuple[int, ...]:
    return (int(values),) if isinstance(values, int) else tuple(int(v) for v in values)


def _language(foreign: Mapping[str, Any], said: str) -> str:
    """MMS' code of the language: the tokenizer's, else the catalogue's, else the folder's name."""
    found = foreign.get("found") or {}
    if said or found.get("variant"):
        return said or str(found["variant"])
    parts = str(found.get("source") or "").replace("\\", "/").split("/")
    codes = [part.removeprefix("mms-tts-") for part in parts if part.startswith("mms-tts-")]
    return codes[-1] if codes else ""


def _json(text: str | None, name: str) -> dict[str, Any]:
    if text is None:
        raise BadCheckpoint(f"There is no {name} for this checkpoint.", BELONGS.format(name))
    try:
        table = json.loads(text)
    except ValueError as error:
        raise BadCheckpoint(f"{name} is not valid JSON: {error}.", BELONGS.format(name)) from error
    if not isinstance(table, dict):
        raise BadCheckpoint(f"{name} is not a JSON object.", BELONGS.format(name))
    return table


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has no word for nothing."""
    return {
        k: _without_none(v) if isinstance(v, Mapping) else v
        for k, v in table.items()
        if v is not None
    }
