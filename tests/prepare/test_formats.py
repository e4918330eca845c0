"""Each format of data set, made small: what it is taken for, and what is read of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.prepare import sets
from vivavoce.data import formats
from vivavoce.data.folder import SourceFolder
from vivavoce.errors import UsageError

QUIET = np.zeros(160, np.float32)
FIXTURES = Path(__file__).parents[1] / "data" / "fixtures"


def sound(folder: Path, *names: str) -> None:
    for name in names:
        sets.write(folder / name, QUIET)


def lines(path: Path, *rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def ljspeech(root: Path) -> None:
    sound(root, "wavs/a.wav", "wavs/b.wav")
    lines(root / "metadata.csv", 'a|1 "odd quote|One "odd quote.', "b|2 cats|Two cats.")


def thorsten(root: Path) -> None:
    sound(root, "wavs/a.wav", "wavs/b.wav")
    lines(root / "metadata.csv", "a|Ein Satz.", "b|Noch einer.")


def piper(root: Path) -> None:
    sound(root, "wav/a.wav", "wav/b.wav")
    lines(root / "metadata.csv", "a|ann|A sentence of hers.", "b|bob|A sentence of his.")


def seconds_behind(root: Path) -> None:
    sound(root, "opus/a.wav", "opus/b.wav")
    lines(root / "metadata.csv", "a|A sentence.|3.776", "b|Another one.|2.5")


def coqui(root: Path) -> None:
    sound(root, "wavs/a.wav", "wavs/b.wav")
    head = "audio_file|text|speaker_name"
    lines(root / "metadata_train.csv", head, "wavs/a.wav|Hers.|ann", "wavs/b.wav|His.|bob")


def f5_csv(root: Path) -> None:
    sound(root, "wavs/a.wav", "wavs/b.wav")
    whole = (root / "wavs").resolve()
    rows = (f"{whole}/a.wav|One.", "/somewhere/else/b.wav|Two.")
    lines(root / "metadata.csv", "audio_file|text", *rows)


def f5_arrow(root: Path) -> None:
    sound(root, *(f"wavs/clip {i}.wav" for i in range(5)))
    data = (FIXTURES / "prepare" / "f5_raw.arrow").read_bytes()
    (root / "raw.arrow").write_bytes(data)


def vctk(root: Path) -> None:
    sound(root, "wav48_silence_trimmed/p225/p225_001_mic1.flac")
    sound(root, "wav48_silence_trimmed/p225/p225_001_mic2.flac")
    lines(root / "txt/p225/p225_001.txt", "Please call Stella.")


def vctk_old(root: Path) -> None:
    sound(root, "wav48/p225/p225_001.wav")
    lines(root / "txt/p225/p225_001.txt", "Please call Stella.")


def libritts(root: Path) -> None:
    sound(root, "84/121/84_121_0_0.wav")
    lines(root / "84/121/84_121.trans.tsv", "84_121_0_0\tMr. Fox\tMister Fox")


def libritts_files(root: Path) -> None:
    sound(root, "84/121/84_121_0_0.wav")
    lines(root / "84/121/84_121_0_0.normalized.txt", "Mister Fox")
    lines(root / "84/121/84_121_0_0.original.txt", "Mr. Fox")


def librispeech(root: Path) -> None:
    sound(root, "84/121/84-121-0000.flac")
    lines(root / "84/121/84-121.trans.txt", "84-121-0000 MISTER FOX")


def common_voice(root: Path) -> None:
    sound(root, "clips/common_1.wav", "clips/common_2.wav")
    head = "client_id\tpath\tsentence\tlocale"
    lines(root / "validated.tsv", head, "abc\tcommon_1.wav\tGood day.\ten")
    lines(root / "invalidated.tsv", head, "abc\tcommon_2.wav\tBad day.\ten")


def mls(root: Path) -> None:
    sound(root, "audio/10/20/10_20_000001.flac")
    lines(root / "transcripts.txt", "10_20_000001\twords of a book")


def css10(root: Path) -> None:
    sound(root, "meian/meian_0000.wav")
    lines(root / "transcript.txt", "meian/meian_0000.wav|wie es ist|wie es klingt|4.1")


def kss(root: Path) -> None:
    sound(root, "1/1_0000.wav")
    lines(root / "transcript.v.1.4.txt", "1/1_0000.wav|그는|그는 같은|그는|4.1|He")


def mailabs(root: Path) -> None:
    sound(root, "by_book/female/ann/emma/wavs/emma_01.wav")
    lines(root / "by_book/female/ann/emma/metadata.csv", "emma_01|1 line|One line")


def cml_tts(root: Path) -> None:
    sound(root, "train/audio/7/a.wav")
    head = "wav_filename|wav_filesize|transcript|client_id"
    lines(root / "train.csv", head, "train/audio/7/a.wav|99|uma frase|7")


def table(root: Path) -> None:
    sound(root, "a b.wav")
    lines(root / "list.csv", "file_name,transcription", '"a b.wav","Yes, commas."')


def jsonl(root: Path) -> None:
    sound(root, "a.wav")
    row = '{"audio": "a.wav", "text": "Part.", "start": 1.5, "end": 2.5, "language": "de"}'
    lines(root / "list.jsonl", row)


def nameless(root: Path) -> None:
    sound(root, "deep/er/a.wav")
    lines(root / "texts.tsv", "deep/er/a.wav\tHello.")


def folders(root: Path) -> None:
    thorsten(root / "ann")
    nameless(root / "bob")
    sound(root, "more/c.wav")


def folder(root: Path) -> None:
    sound(root, "a.wav", "b.wav")
    lines(root / "a.txt", "Words of", "a.")


EXPECTED = {
    ljspeech: ("ljspeech", [("a", 'One "odd quote.', ""), ("b", "Two cats.", "")]),
    thorsten: ("thorsten", [("a", "Ein Satz.", ""), ("b", "Noch einer.", "")]),
    piper: ("piper", [("a", "A sentence of hers.", "ann"), ("b", "A sentence of his.", "bob")]),
    seconds_behind: ("thorsten", [("a", "A sentence.", ""), ("b", "Another one.", "")]),
    coqui: ("coqui", [("a", "Hers.", "ann"), ("b", "His.", "bob")]),
    f5_csv: ("f5-csv", [("a", "One.", ""), ("b", "Two.", "")]),
    f5_arrow: (
        "f5-arrow",
        [(f"clip {i}", f"Sätze {i}." if i % 2 else "ab", "") for i in range(5)],
    ),
    vctk: ("vctk", [("p225_001_mic1", "Please call Stella.", "p225")]),
    vctk_old: ("vctk", [("p225_001", "Please call Stella.", "p225")]),
    libritts: ("libritts", [("84_121_0_0", "Mister Fox", "84")]),
    libritts_files: ("libritts", [("84_121_0_0", "Mister Fox", "84")]),
    librispeech: ("librispeech", [("84-121-0000", "MISTER FOX", "84")]),
    common_voice: ("common-voice", [("common_1", "Good day.", "abc")]),
    mls: ("mls", [("10_20_000001", "words of a book", "10")]),
    css10: ("css10", [("meian_0000", "wie es ist", "")]),
    kss: ("kss", [("1_0000", "그는 같은", "")]),
    mailabs: ("mailabs", [("emma_01", "One line", "ann")]),
    cml_tts: ("cml-tts", [("a", "uma frase", "7")]),
    table: ("list", [("a b", "Yes, commas.", "")]),
    jsonl: ("list", [("a", "Part.", "")]),
    nameless: ("nameless-list", [("a", "Hello.", "")]),
    folders: (
        "folders",
        [
            ("a", "Ein Satz.", "ann"),
            ("b", "Noch einer.", "ann"),
            ("a", "Hello.", "bob"),
            ("c", "", ""),
        ],
    ),
    folder: ("folder", [("a", "Words of a.", ""), ("b", "", "")]),
}


@pytest.mark.parametrize("make", EXPECTED, ids=lambda make: make.__name__)
def test_a_format_is_found_and_read(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path)
    name, rows = EXPECTED[make]
    found = formats.read(SourceFolder(tmp_path), 12.0)
    assert found.format == name
    assert [(row.audio.stem, row.text, row.speaker) for row in found.rows] == rows
    unlisted = {"common_2"} if make is common_voice else set()
    assert {Path(one.source).stem for one in found.rejected} == unlisted


def test_every_format_is_tried() -> None:
    assert {name for name, _ in EXPECTED.values()} == {one.name for one in formats.FORMATS}


def test_times_and_languages_of_a_list_are_read(tmp_path: Path) -> None:
    jsonl(tmp_path)
    (row,) = formats.read(SourceFolder(tmp_path), 12.0).rows
    assert (row.start_s, row.end_s, row.language) == (1.5, 2.5, "de")


def test_subtitles_become_sentences(tmp_path: Path) -> None:
    sound(tmp_path, "talk.wav")
    lines(
        tmp_path / "talk.srt",
        *("1", "00:00:01,000 --> 00:00:02,500", "<i>This is</i>", ""),
        *("2", "00:00:02,600 --> 00:00:04,000", "one sentence.", ""),
        *("3", "00:00:04,100 --> 00:00:05,000", "Another &amp; more."),
    )
    rows = formats.read(SourceFolder(tmp_path), 12.0).rows
    found = [(row.start_s, row.end_s, row.text) for row in rows]
    assert found == [(1.0, 4.0, "This is one sentence."), (4.1, 5.0, "Another & more.")]


def test_broken_rows_are_listed_with_their_line(tmp_path: Path) -> None:
    sound(tmp_path, "wavs/a.wav", "wavs/b.wav", "one/c.wav", "two/c.wav", "extra.wav")
    rows = ("a|Fine.|Fine.", "b", "gone|Missing.|Missing.", "c|Two of it.|Two of it.")
    lines(tmp_path / "metadata.csv", *rows)
    found = formats.read(SourceFolder(tmp_path), 12.0, "ljspeech")
    assert [row.audio.name for row in found.rows] == ["a.wav"]
    reasons = {one.where: one.problem.name for one in found.rejected if one.where}
    assert reasons == {
        "metadata.csv:2": "broken row",
        "metadata.csv:3": "missing file",
        "metadata.csv:4": "ambiguous",
    }
    unlisted = {one.source for one in found.rejected if one.problem.name == "unlisted"}
    assert unlisted == {"wavs/b.wav", "one/c.wav", "two/c.wav", "extra.wav"}


def test_a_list_that_nobody_can_read_is_listed(tmp_path: Path) -> None:
    sets.sentences(tmp_path, 1)
    (tmp_path / "metadata.csv").write_text("nothing of the kind")
    found = formats.read(SourceFolder(tmp_path), 12.0)
    assert [(one.source, one.problem.name) for one in found.rejected] == [
        ("metadata.csv", "unread list")
    ]
    assert [row.text for row in found.rows] == [""]


def test_a_list_may_be_given(tmp_path: Path) -> None:
    sound(tmp_path / "in", "a.wav", "b.wav")
    lines(tmp_path / "words.csv", "file,text", "a.wav,One.", "b,Two.")
    found = formats.read(SourceFolder(tmp_path / "in"), 12.0, "", tmp_path / "words.csv")
    assert [(row.audio.name, row.text) for row in found.rows] == [
        ("a.wav", "One."),
        ("b.wav", "Two."),
    ]


def test_no_list_and_no_format_are_usage_errors(tmp_path: Path) -> None:
    sound(tmp_path, "a.wav")
    lines(tmp_path / "prose.txt", "Nothing that names a recording")
    with pytest.raises(UsageError, match="is not a list"):
        formats.read(SourceFolder(tmp_path), 12.0, "", tmp_path / "prose.txt")
    with pytest.raises(UsageError, match=r"no data format 'ljspech'.*ljspeech"):
        formats.read(SourceFolder(tmp_path), 12.0, "ljspech")


@pytest.mark.parametrize("cut", [3, 40, 300, 700, -100])
def test_a_damaged_arrow_file_is_an_error(cut: int, tmp_path: Path) -> None:
    f5_arrow(tmp_path)
    data = (tmp_path / "raw.arrow").read_bytes()
    (tmp_path / "raw.arrow").write_bytes(data[:cut])
    with pytest.raises(UsageError, match=r"Cannot read .*raw\.arrow"):
        formats.read(SourceFolder(tmp_path), 12.0)


def test_lists_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    sound(tmp_path / "in", "a.wav")
    sound(tmp_path, "secret.wav")
    (tmp_path / "in" / "link.wav").symlink_to(tmp_path / "secret.wav")
    (tmp_path / "in" / "dead.wav").symlink_to(tmp_path / "nothing.wav")
    rows = ("a.wav,One.", "../secret.wav,Two.", "link.wav,Three.", f"{tmp_path}/secret.wav,Four.")
    lines(tmp_path / "in" / "list.csv", "audio,text", *rows)
    found = formats.read(SourceFolder(tmp_path / "in"), 12.0)
    assert [row.text for row in found.rows] == ["One."]
    reasons = sorted((one.source, one.problem.name) for one in found.rejected)
    assert reasons == [
        ("../secret.wav", "outside"),
        (f"{tmp_path}/secret.wav", "outside"),
        ("dead.wav", "broken link"),
        ("link.wav", "outside"),
    ]
    allowed = formats.read(SourceFolder(tmp_path / "in", outside=True), 12.0)
    assert [row.text for row in allowed.rows] == ["One.", "Two.", "Three.", "Four."]


def test_linked_folders_are_listed(tmp_path: Path) -> None:
    sound(tmp_path / "in", "a.wav")
    sound(tmp_path / "more", "b.wav")
    (tmp_path / "in" / "more").symlink_to(tmp_path / "more")
    found = formats.read(SourceFolder(tmp_path / "in"), 12.0)
    assert [row.audio.name for row in found.rows] == ["a.wav"]
    assert [(one.source, one.problem.name) for one in found.rejected] == [("more", "linked folder")]
