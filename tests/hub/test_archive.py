"""A zip gives up the few files of a model, and nothing in it chooses where they go."""

from __future__ import annotations

import zipfile

import pytest

from vivavoce.errors import BadCheckpoint, UnsafeCheckpoint
from vivavoce.hub import archive
from vivavoce.limits import raised


def packed(file, entries, **how):
    with zipfile.ZipFile(file, "w", **how) as made:
        for name, content in entries.items():
            made.writestr(name, content)
    return file


@pytest.fixture
def unpacked(tmp_path):
    def unpack(entries, **how):
        file = packed(tmp_path / "model.zip", entries, **how)
        folder = archive.unpack(file, tmp_path / "model")
        return {one.name: one.read_bytes() for one in folder.iterdir()}

    return unpack


def test_only_what_makes_a_model_is_taken(unpacked):
    folder = "tts_models--en--ljspeech--fast_pitch"
    found = unpacked(
        {
            f"{folder}/": b"",
            f"{folder}/model_file.pth": b"weights",
            f"{folder}/config.json": b"{}",
            f"{folder}/scale_stats.npy": b"stats",
            f"{folder}/speaker_ids.json": b"{}",
            f"{folder}/README.md": b"about",
            f"{folder}/samples/one.wav": b"sound",
            f"{folder}/run.py": b"import os",
            "__MACOSX/._model_file.pth": b"rubbish",
            f"{folder}/.hidden.json": b"{}",
        }
    )
    wanted = {"model_file.pth", "config.json", "scale_stats.npy", "speaker_ids.json"}
    assert found.keys() == wanted
    assert found["model_file.pth"] == b"weights"


def test_an_older_name_of_weights_is_made_the_usual_one(unpacked):
    assert set(unpacked({"a/model_file.pth.tar": b"1", "a/config.json": b"{}"})) == {
        "model_file.pth",
        "config.json",
    }


@pytest.mark.parametrize(
    "name",
    ["../evil.json", "a/../../evil.pth", "/etc/evil.json", "C:/evil.json", "a\\..\\evil.json"],
)
def test_entries_that_lead_out_are_refused_and_nothing_is_left(unpacked, tmp_path, name):
    message = r"model\.zip: Its entry '.*' has a path outside the archive"
    with pytest.raises(UnsafeCheckpoint, match=message):
        unpacked({"m/model.pth": b"1", name: b"2"})
    assert [one.name for one in tmp_path.iterdir()] == ["model.zip"]


def test_links_are_refused(unpacked):
    link = zipfile.ZipInfo("m/model.pth")
    link.external_attr = 0o120777 << 16
    with pytest.raises(UnsafeCheckpoint, match="is a link"):
        unpacked({link: b"/etc/passwd"})


def test_encrypted_entries_are_refused(unpacked, tmp_path):
    file = packed(tmp_path / "e.zip", {"m/model.pth": b"1"})
    content = bytearray(file.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    file.write_bytes(content)
    with pytest.raises(UnsafeCheckpoint, match="encrypted"):
        archive.unpack(file, tmp_path / "m")


def test_what_is_too_large_is_refused(unpacked, monkeypatch):
    with raised(1e-4), pytest.raises(BadCheckpoint, match="more than 6710 bytes"):
        unpacked({"m/model.pth": b"1", "m/config.json": b" " * 10_000})
    monkeypatch.setattr(archive, "MAX_WEIGHTS", 100)
    with pytest.raises(BadCheckpoint, match="more than 100 bytes"):
        unpacked({"m/model.pth": b"1" * 101})


def test_a_bomb_that_lies_about_its_size_is_refused(unpacked, tmp_path):
    file = packed(tmp_path / "b.zip", {"m/model.pth": b"0" * 100_000}, compression=8)
    content = bytearray(file.read_bytes())
    for signature, place in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = content.index(signature) + place
        content[at : at + 4] = (50).to_bytes(4, "little")
    file.write_bytes(content)
    with pytest.raises(BadCheckpoint, match=r"b\.zip"):
        archive.unpack(file, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_too_many_or_too_deep_entries_are_refused(unpacked):
    with pytest.raises(BadCheckpoint, match="2001 files"):
        unpacked({f"{n}.json": b"{}" for n in range(2001)})
    with pytest.raises(BadCheckpoint, match="6 folders deep"):
        unpacked({"a/b/c/d/e/model.pth": b"1"})


def test_two_files_of_one_name_are_refused(unpacked):
    with pytest.raises(BadCheckpoint, match=r"'Config\.json' more than once"):
        unpacked({"m/model.pth": b"1", "m/config.json": b"{}", "n/Config.json": b"{}"})


def test_an_archive_without_weights_or_of_another_kind_is_refused(unpacked, tmp_path):
    with pytest.raises(BadCheckpoint, match="holds no weights"):
        unpacked({"m/config.json": b"{}"})
    (tmp_path / "x.zip").write_bytes(b"no zip at all")
    with pytest.raises(BadCheckpoint, match=r"x\.zip cannot be read"):
        archive.unpack(tmp_path / "x.zip", tmp_path / "x")
