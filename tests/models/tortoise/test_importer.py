"""The files of a release -> ours: every name consumed, and what is wrong is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from tests.models.tortoise import official
from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.config import from_dict
from vivavoce.errors import BadCheckpoint, UnsafeCheckpoint
from vivavoce.hub.build import PREFIX, split, vocoder
from vivavoce.hub.read import Stored
from vivavoce.hub.resolve import resolve
from vivavoce.models import MODELS
from vivavoce.models.tortoise.config import TortoiseConfig
from vivavoce.models.tortoise.importer import IMPORTER
from vivavoce.models.tortoise.model import Tortoise
from vivavoce.models.tortoise.text import TortoiseText, TortoiseTextConfig
from vivavoce.speech.load import load
from vivavoce.vocoders.univnet.config import UnivnetConfig


def beside(files: dict[str, dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """As the hub reads them: the companions' names under their keys."""
    keys = {"clvp2": "clvp", "diffusion_decoder": "diffusion", "vocoder": "vocoder/model_g"}
    found = dict(files["autoregressive"])
    for file, tensors in files.items():
        if file != "autoregressive":
            found |= {f"{keys.get(file, file)}/{name}": t for name, t in tensors.items()}
    return found | {"mel_norms": torch.ones(80, device="meta")}


def test_the_official_release_fits_to_the_last_tensor():
    foreign = beside(official.full())
    foreign["gpt.h.0.attn.masked_bias"] = torch.empty((), device="meta")
    assert MODELS.recognise(official.full()["autoregressive"]) == "tortoise"
    tables = IMPORTER.tables({"found": {"vocabulary": "{}"}}, foreign, None)
    config = from_dict(TortoiseConfig, tables["config"], "config")
    assert config == TortoiseConfig()
    assert tables["vocoder"]["config"]["mirrored"]
    ours, dropped = IMPORTER.adapt(foreign)
    with without_numbers():
        model = Tortoise(config)
    own, its = split(Stored({"vocoder": tables["vocoder"]}, ours))
    strict_load(model, own.tensors)
    assert its is not None
    assert vocoder(its).config == UnivnetConfig(mirrored=True)
    kinds = {name.split(".")[0] for name in dropped} - {"gpt"}
    assert kinds == {
        *("diffusion/code_embedding", "diffusion/code_converter", "diffusion/mel_head"),
        *("clvp/text_transformer", "clvp/speech_transformer"),
    }
    assert len(ours) + len(dropped) + folded(foreign) == len(foreign)


def folded(foreign: dict[str, torch.Tensor]) -> int:
    """Weight norm makes one tensor of two."""
    return sum(name.endswith("original0") for name in foreign)


def test_the_catalogue_has_it_by_both_names():
    for name in ("tortoise-v2", "tts_models/en/multi-dataset/tortoise-v2"):
        entry = resolve(name).entry
        assert entry is not None
        assert (entry.family, entry.licence) == ("tortoise", "Apache-2.0")
        assert "data/mel_norms.pth" in entry.files
        assert entry.files[0] == ".models/autoregressive.pth"


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    return official.write(tmp_path_factory.mktemp("release") / "tortoise")


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        (".models/clvp2.pth", r"no clvp2\.pth beside"),
        (".models/rlg_auto.pth", r"no rlg_auto\.pth beside"),
        ("data/mel_norms.pth", r"no mel_norms\.pth beside"),
        (".models/tokenizer.json", r"no tokenizer\.json beside.*--vocab"),
    ],
)
def test_a_file_that_is_missing_is_named(release, tmp_path, lost, message):
    folder = shutil.copytree(release, tmp_path / "copy")
    (folder / lost).unlink()
    with pytest.raises(BadCheckpoint, match=message):
        load(folder, device="cpu")


class Runs:
    def __reduce__(self):
        return print, ("this ran",)


def test_nothing_in_a_companion_runs(release, tmp_path, capsys):
    folder = shutil.copytree(release, tmp_path / "copy")
    torch.save({"temperature": Runs()}, folder / ".models" / "clvp2.pth")
    with pytest.raises(UnsafeCheckpoint):
        load(folder, device="cpu")
    assert "this ran" not in capsys.readouterr().out


def test_files_of_two_releases_do_not_fit(release, tmp_path):
    folder = shutil.copytree(release, tmp_path / "copy")
    torch.save(torch.ones(64), folder / "data" / "mel_norms.pth")
    with pytest.raises(BadCheckpoint, match="mel_stats"):
        load(folder, device="cpu")


@pytest.mark.parametrize("vocabulary", ["", "[]", "{}", '{"model": 3}'])
def test_a_vocabulary_that_is_none(vocabulary):
    with pytest.raises(BadCheckpoint, match="vocabulary"):
        TortoiseText(TortoiseTextConfig(vocabulary), 256)


def test_a_vocabulary_of_another_model():
    from tests.models.xtts.vocabulary import vocabulary

    with pytest.raises(BadCheckpoint, match="entries, the model 256"):
        TortoiseText(TortoiseTextConfig(vocabulary()), 256)


def test_the_vocoder_travels_with_the_model():
    assert PREFIX == "vocoder."
    ours, _ = IMPORTER.adapt(beside(official.full()))
    assert sum(name.startswith(PREFIX) for name in ours) == 132 - folded(official.full()["vocoder"])
