"""A VITS as Coqui's files, and back again without a bit changed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.models.vits.test_yourtts import SIZES
from tests.models.vits.toy import CONFIG, DECODER, manifest_of, toy
from vivavoce.errors import UsageError
from vivavoce.hub import export, library
from vivavoce.models.vits.coqui_export import coqui_names, to_coqui
from vivavoce.models.vits.names import adapt
from vivavoce.models.vits.names import official as folded
from vivavoce.models.vits.official_names import official
from vivavoce.text.coqui import VITS_CHARACTERS, vocabulary
from vivavoce.vocoders.hifigan.model import Hifigan

LETTERS = {**VITS_CHARACTERS, "characters_class": "TTS.tts.models.vits.VitsCharacters"}
TEXT = {"model": "vits", "characters": LETTERS, "model_args": {"add_blank": True}}
PLAIN = replace(
    CONFIG,
    n_tokens=len(vocabulary(TEXT)),
    latent_width=16,
    flow_width=16,
    posterior_width=16,
    posterior_layers=3,
    n_bins=9,
    duration_width=192,
    posterior=True,
    variational_durations=True,
    speaker_durations=False,
)
YOURTTS = {
    "speaker_durations": True,
    "speaker_width": 12,
    "unit_speakers": True,
    "speaker_encoder": SIZES,
    "n_languages": 2,
    "language_width": 4,
}
CONFIGS = {
    "one": PLAIN,
    "speakers": replace(PLAIN, n_speakers=3, speaker_width=6, speaker_durations=True),
    "deterministic": replace(
        PLAIN,
        stochastic_durations=False,
        variational_durations=False,
        duration_width=256,
        duration_eps=1e-4,
    ),
    "yourtts": replace(PLAIN, n_speakers=3, **YOURTTS),
    "recordings only": replace(PLAIN, **YOURTTS),
}
MANIFESTS = Path(__file__).parents[2] / "data" / "manifests"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))


def whole(config, block: int = 1):
    names = ("ann", "bob", "cid") if config.n_speakers else ()
    model, _ = toy(config, ("en", "fr-fr") if config.n_languages else (), names)
    sizes = replace(DECODER, condition_dim=config.speaker_width, block=block)
    if block == 1:
        sizes = replace(sizes, block_dilations=((1, 3, 5), (1, 3, 5)))
    vocoder = Hifigan(sizes, model.spec)
    tensors = dict(model.state_dict())
    tensors |= {f"vocoder.{k}": v for k, v in vocoder.state_dict().items()}
    manifest = manifest_of(model, vocoder)
    manifest["text"] = {"kind": "coqui", "coqui": TEXT}
    manifest["options"] = {"speed": 0.8, "noise_scale": 0.5, "duration_noise": 0.7}
    return manifest, tensors


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("block", [1, 2])
def test_there_and_back(name, block, tmp_path):
    manifest, tensors = whole(CONFIGS[name], block)
    file, *_ = to_coqui(manifest, tensors, tmp_path / "voice.pth")
    opened = library.open_model(str(library.import_checkpoint(file)))
    again, found = opened.manifest, opened.tensors
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[k], tensors[k]) for k in tensors)
    for table in ("config", "features", "options"):
        assert again[table] == manifest[table]
    assert again["text"]["coqui"] == TEXT
    assert again["vocoder"]["config"] == manifest["vocoder"]["config"]
    assert again["speakers"] == manifest["speakers"]
    assert again.get("languages", []) == manifest["languages"]


@pytest.mark.parametrize("name", ["vits_default", "your_tts"])
def test_every_name_of_coquis(name):
    """Made from the published names: what is written is what Coqui's program wants."""
    rows = json.loads((MANIFESTS / f"{name}.json").read_text())["keys"]
    foreign = {k: torch.zeros(1).expand(row["shape"]) for k, row in rows.items()}
    known = {k for k in rows if not k.startswith("disc.")}
    named = coqui_names(official(adapt(folded(foreign)[0])), stochastic=True)
    parted = {
        k.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): rows[k]["shape"]
        for k in known
    }
    assert {k: list(v.shape) for k, v in named.items()} == parted


def test_an_alphabet_that_no_configuration_stated(tmp_path):
    """Coqui's program wants the whole name of its class."""
    manifest, tensors = whole(PLAIN)
    manifest["text"]["coqui"] = TEXT | {"characters": dict(VITS_CHARACTERS)}
    to_coqui(manifest, tensors, tmp_path / "voice.pth")
    assert json.loads((tmp_path / "config.json").read_text())["characters"] == LETTERS


def test_by_its_name(tmp_path):
    manifest, tensors = whole(PLAIN)
    file, *_ = to_coqui(manifest, tensors, tmp_path / "voice.pth")
    name = library.import_checkpoint(file, name="mine").name
    written = export.export(name, tmp_path / "out" / "again.pth", "coqui")
    assert [path.name for path in written] == ["again.pth", "config.json"]


@pytest.mark.parametrize(
    ("config", "text", "message"),
    [
        (PLAIN, {"kind": "arpabet"}, "of the kind 'arpabet'"),
        (replace(PLAIN, posterior=False), None, "no posterior encoder"),
        (replace(PLAIN, variational_durations=False), None, "lack what only training needs"),
        (replace(PLAIN, duration_width=96), None, "duration_width is 96, Coqui's program has 192"),
        (replace(PLAIN, flow_width=12), None, r"not of one width but \[12, 16\]"),
        (replace(PLAIN, n_couplings=2), None, "n_couplings is 2"),
    ],
)
def test_what_coquis_program_cannot_be(config, text, message, tmp_path):
    manifest, tensors = whole(config)
    manifest["text"] = text or manifest["text"]
    with pytest.raises(UsageError, match=message):
        to_coqui(manifest, tensors, tmp_path / "voice.pth")
    assert not list(tmp_path.glob("*.pth"))


def test_a_decoder_that_coquis_program_does_not_have(tmp_path):
    manifest, tensors = whole(PLAIN)
    manifest["vocoder"]["config"] |= {"block_dilations": [[1, 3], [1, 3]]}
    with pytest.raises(UsageError, match=r"blocks have \[2\] layers, Coqui's program has 3"):
        to_coqui(manifest, tensors, tmp_path / "voice.pth")
