from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce import config
from vivavoce.errors import TrainingError
from vivavoce.train import manifest
from vivavoce.train.recipe import DataSource


def source(path: Path, **values: object) -> DataSource:
    return config.from_dict(DataSource, {"path": str(path), **values})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wavs").mkdir()
    for name in ("a0001.wav", "a0002.flac", "b0001.wav"):
        (tmp_path / "wavs" / name).write_bytes(b"sound")
    return tmp_path


def test_an_ljspeech_folder(folder):
    lines = ["a0001|Dr. Who|Doctor Who", "a0002|so|so", 'b0001|"quoted|"quoted']
    (folder / "metadata.csv").write_text("\n".join(lines))
    rows = manifest.read([source(folder)])
    assert [r.text for r in rows] == ["Dr. Who", "so", '"quoted']
    assert rows[1].audio == folder / "wavs" / "a0002.flac"
    assert rows[2].where == f"{folder / 'metadata.csv'}:3"
    assert manifest.read([source(folder, text_column=2)])[0].text == "Doctor Who"


@pytest.mark.parametrize("where", ["", "wavs", "wav", "clips", "audio", "opus", "flac"])
@pytest.mark.parametrize("suffix", ["", ".ogg"])
def test_recordings_are_found_where_they_are(where, suffix, tmp_path):
    """By name or by file, in every format, without being told the folder."""
    (tmp_path / where).mkdir(exist_ok=True)
    sound = tmp_path / where / "a0001.ogg"
    sound.write_bytes(b"sound")
    (tmp_path / "metadata.csv").write_text(f"a0001{suffix}|one\n")
    (tmp_path / "a.jsonl").write_text(f'{{"audio": "a0001{suffix}", "text": "one"}}\n')
    (tmp_path / "a.csv").write_text(f"audio,text\na0001{suffix},one\n")
    for name, kind in (("", "ljspeech"), ("a.jsonl", "jsonl"), ("a.csv", "csv")):
        (row,) = manifest.read([source(tmp_path / name, format=kind)])
        assert row.audio == sound


def test_a_folder_that_the_source_names_is_the_only_one(folder):
    (folder / "opus").mkdir()
    (folder / "metadata.csv").write_text("a0001|one\n")
    assert len(manifest.read([source(folder)])) == 1
    with pytest.raises(TrainingError, match=r"no recording named a0001 in .*opus"):
        manifest.read([source(folder, audio="opus")])
    (folder / "metadata.csv").write_text("none|one\n")
    with pytest.raises(TrainingError, match=r"named none in .* or its folders wavs, opus"):
        manifest.read([source(folder)])


def test_jsonl_and_csv_say_the_same(folder):
    (folder / "a.jsonl").write_text(
        '{"audio": "a0001.wav", "text": "one", "who": "Ann"}\n\n'
        '{"audio": "b0001.wav", "text": "two", "who": "Bob", "id": "second"}\n'
    )
    (folder / "a.csv").write_text(
        '\ufeffaudio;text;who;id\na0001.wav;one;Ann;a0001\nb0001;"two";Bob;second\n',
        encoding="utf-8",
    )
    shared = {"audio": "wavs", "speaker_column": "who"}
    first = manifest.read([source(folder / "a.jsonl", format="jsonl", **shared)])
    second = manifest.read([source(folder / "a.csv", format="csv", delimiter=";", **shared)])
    assert [(r.id, r.audio, r.text, r.speaker) for r in first] == [
        (r.id, r.audio, r.text, r.speaker) for r in second
    ]
    assert [r.id for r in first] == ["a0001", "second"]
    assert first[1].where.endswith("a.jsonl:3")


def test_a_prepared_folder_says_who_speaks_and_what_is_held_out(folder):
    row = '{{"audio": "wavs/a000{0}.wav", "text": "t", "speaker": "s{0}", "split": "{1}"}}\n'
    (folder / "wavs" / "a0002.wav").write_bytes(b"sound")
    (folder / "prepared.json").write_text("{}")
    (folder / "manifest.jsonl").write_text(row.format(1, "train") + row.format(2, "validation"))
    rows = manifest.read([source(folder)])
    assert [(r.speaker, r.held_out) for r in rows] == [("s1", False), ("s2", True)]
    assert [r.speaker for r in manifest.read([source(folder, speaker="me")])] == ["me", "me"]
    (folder / "manifest.jsonl").unlink()
    with pytest.raises(TrainingError, match="not completely prepared"):
        manifest.read([source(folder)])


def test_every_broken_row_is_named_with_its_line(folder):
    (folder / "metadata.csv").write_text("a0001|one\nmissing|two\na0002\nb0001| \na0001|again\n")
    with pytest.raises(TrainingError) as caught:
        manifest.read([source(folder)])
    text = str(caught.value)
    for number, why in ((2, "no recording"), (3, "column 1"), (4, "empty"), (5, "already at")):
        line = next(x for x in text.splitlines() if f"metadata.csv:{number}:" in x)
        assert why in line
    assert "metadata.csv:1:" not in text.replace("already at", "", 1).split("metadata.csv:5:")[0]


def test_broken_json_is_named_with_its_line(folder):
    (folder / "a.jsonl").write_text('{"audio": "wavs/a0001.wav", "text": "x"}\n{"audio": \n[1]\n')
    with pytest.raises(TrainingError, match=r"a\.jsonl:2: not valid JSON[\s\S]*a\.jsonl:3: not a"):
        manifest.read([source(folder / "a.jsonl", format="jsonl")])


def test_only_ten_problems_are_shown(folder):
    (folder / "metadata.csv").write_text("\n".join(f"none{i}|text" for i in range(13)))
    with pytest.raises(TrainingError, match="and 3 more"):
        manifest.read([source(folder)])


def test_exclude_and_include(folder):
    (folder / "metadata.csv").write_text("a0001|one\na0002|two\nb0001|three\nnone|four")
    left = manifest.read([source(folder, exclude=["none", "a0002..a0009"])])
    assert [r.id for r in left] == ["a0001", "b0001"]
    assert [r.id for r in manifest.read([source(folder, include=["a*"])])] == ["a0001", "a0002"]
    with pytest.raises(TrainingError, match="hold no utterance"):
        manifest.read([source(folder, include=["c*"])])


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("arctic_b0500_15", "arctic_b0500..arctic_b0539", True),
        ("arctic_b0539_15", "arctic_b0500..arctic_b0539", True),
        ("arctic_b0540_15", "arctic_b0500..arctic_b0539", False),
        ("arctic_a0510_15", "arctic_b0500..arctic_b0539", False),
        ("LJ001-0007", "LJ00[12]-*", True),
        ("LJ003-0007", "LJ00[12]-*", False),
        ("LJ001", "LJ001", True),
        ("LJ0011", "LJ001", False),
    ],
)
def test_patterns(name, pattern, expected):
    assert manifest.matches(name, [pattern]) is expected


def test_a_missing_or_foreign_manifest_is_an_error(tmp_path):
    with pytest.raises(TrainingError, match="metadata"):
        manifest.read([source(tmp_path / "metadata.csv")])
    (tmp_path / "latin.csv").write_bytes("a|caf\xe9\n".encode("latin-1"))
    with pytest.raises(TrainingError, match="UTF-8"):
        manifest.read([source(tmp_path / "latin.csv")])


def test_a_language_is_the_row_s_or_the_source_s(folder):
    lines = '{"audio": "wavs/a0001.wav", "text": "eins", "lang": "de"}\n'
    (folder / "l.jsonl").write_text(lines)
    path, kind = folder / "l.jsonl", "jsonl"
    (row,) = manifest.read([source(path, format=kind, language_column="lang")])
    assert row.language == "de"
    (row,) = manifest.read([source(path, format=kind, language="nl")])
    assert row.language == "nl"
