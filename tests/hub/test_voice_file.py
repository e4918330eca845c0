from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

import vivavoce
from vivavoce.errors import OutputError, UsageError, VoiceError
from vivavoce.hub import voice_file as voices
from vivavoce.types import Voice

VOICE = Voice(
    name="Zoë",
    family="some",
    tensors={"samples": torch.arange(6.0), "rms": torch.tensor(0.05)},
    language="pt-BR",
    transcript='Ela disse "olá",\ne foi-se.',
    licence="CC-BY-4.0",
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    return tmp_path


def same(a, b):
    return replace(a, tensors={}) == replace(b, tensors={}) and all(
        torch.equal(a.tensors[k], b.tensors[k]) for k in a.tensors | b.tensors
    )


def test_comes_back_as_it_went(tmp_path):
    path = tmp_path / "new folder" / "zoe.safetensors"
    voices.save(path, VOICE)
    assert same(voices.load(path), VOICE)
    assert [p.name for p in path.parent.iterdir()] == ["zoe.safetensors"]


def test_the_file_says_what_made_it(tmp_path):
    voices.save(tmp_path / "v", VOICE)
    assert metadata_of(tmp_path / "v")["made_with"] == f"vivavoce {vivavoce.__version__}"


def test_views_and_tied_tensors_are_saved(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    voice = replace(VOICE, tensors={"a": base.T, "b": base[0], "c": base[0]})
    voices.save(tmp_path / "v", voice)
    assert same(voices.load(tmp_path / "v"), voice)


def test_what_is_loaded_does_not_hang_on_the_file(tmp_path):
    path = tmp_path / "v.safetensors"
    voices.save(path, VOICE)
    loaded = voices.load(path)
    path.write_bytes(bytes(path.stat().st_size))
    assert torch.equal(loaded.tensors["samples"], torch.arange(6.0))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_not_a_number_is_neither_written_nor_read(tmp_path, bad):
    path = tmp_path / "v.safetensors"
    broken = replace(VOICE, tensors={"samples": torch.tensor([0.0, bad])})
    with pytest.raises(VoiceError, match="NaN or infinity in samples"):
        voices.save(path, broken)
    assert not path.exists()
    voices.save(path, VOICE)
    save_file(dict(broken.tensors), path, metadata_of(path))
    with pytest.raises(VoiceError, match="NaN or infinity in samples"):
        voices.load(path)


def metadata_of(path):
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return file.metadata()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "2"}, "format '2'.*Update"),
        ({"kind": "something else"}, "not a vivavoce voice file"),
        ({"extra": "x"}, "damaged: extra"),
        ({"transcript": None}, "damaged: transcript"),
    ],
)
def test_other_facts_are_refused(tmp_path, change, message):
    path = tmp_path / "v.safetensors"
    voices.save(path, VOICE)
    facts = {k: v for k, v in (metadata_of(path) | change).items() if v is not None}
    save_file(load_file(path), path, facts)
    with pytest.raises(VoiceError, match=message):
        voices.load(path)


def test_damaged_and_foreign_files(tmp_path):
    path = tmp_path / "v.safetensors"
    voices.save(path, VOICE)
    whole = path.read_bytes()
    for data in (b"", b"RIFF....WAVE", whole[:-3], whole[:40], whole[40:]):
        path.write_bytes(data)
        with pytest.raises(VoiceError, match=r"not a voice file.*voices add"):
            voices.load(path)
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(VoiceError, match="not a vivavoce voice file"):
        voices.load(path)
    for nowhere in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(VoiceError, match="Check the path"):
            voices.load(nowhere)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="Cannot write"):
        voices.save(tmp_path / "file" / "v.safetensors", VOICE)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="Cannot write"):
        voices.save(tmp_path / "folder", VOICE)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_a_failed_write_leaves_the_old_voice(tmp_path, monkeypatch):
    path = tmp_path / "v.safetensors"
    voices.save(path, VOICE)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        voices.save(path, replace(VOICE, name="other"))
    assert voices.load(path).name == "Zoë"
    assert [p.name for p in tmp_path.iterdir()] == ["v.safetensors"]


@pytest.mark.parametrize("name", ["me", "Zoë", "我", "a.b-c_2", "x" * 100])
def test_names_that_can_be(home, name):
    assert voices.path_of(name).parent == home / "home" / "voices"
    voices.save(voices.path_of(name), VOICE)
    assert [path.stem for path in voices.saved()] == [name]


@pytest.mark.parametrize(
    "name",
    [
        *["", ".", "..", "../x", "/etc/x", "a/b", "a\\b", "C:x", ".hidden", "-v", "x.", "CON"],
        *["nul.txt", "a b", "a\0b", "a\nb", "x" * 101, "我" * 34],
    ],
)
def test_names_that_cannot_be(name):
    with pytest.raises(UsageError, match="name"):
        voices.path_of(name)


def test_two_spellings_of_one_letter_are_one_name():
    assert voices.path_of("Zoe\u0308") == voices.path_of("Zo\u00eb")


def test_what_lies_in_the_folder(home):
    assert voices.saved() == []
    for name in ("b", "a"):
        voices.save(voices.path_of(name), VOICE)
    folder = home / "home" / "voices"
    (folder / ".half.safetensors").touch()
    (folder / "notes.txt").touch()
    assert [path.stem for path in voices.saved()] == ["a", "b"]


def test_of_two_that_add_a_voice_at_once_one_is_told(tmp_path):
    voices.save(tmp_path / "v", VOICE, replace=False)
    with pytest.raises(UsageError, match="A voice 'Zoë' already exists"):
        voices.save(tmp_path / "v", replace(VOICE, language="en"), replace=False)
    assert same(voices.load(tmp_path / "v"), VOICE)
    voices.save(tmp_path / "v", replace(VOICE, language="en"))
    assert voices.load(tmp_path / "v").language == "en"
