"""Bulk work in this process: once each, whatever happens, and always the same bytes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.bulk.lists import audio, lines, numbered, read, sentence
from tests.speechlike import speechlike
from tests.tiny import F5_WORDS, tiny_f5, tiny_tts
from vivavoce.audio import io
from vivavoce.bulk import Manner, run
from vivavoce.bulk.planning import Shard
from vivavoce.data import formats
from vivavoce.data.folder import SourceFolder
from vivavoce.errors import OutputError, UnknownFormat, UsageError
from vivavoce.train import manifest
from vivavoce.train.recipe import DataSource

MANNER = Manner(rows=4)


class Stopped(Exception):
    pass


@pytest.fixture(scope="module")
def tts():
    return tiny_tts(n_speakers=2)


@pytest.fixture(scope="module")
def whole(tts, tmp_path_factory):
    """What an undisturbed run makes."""
    folder = tmp_path_factory.mktemp("whole")
    run(numbered(folder / "x.jsonl", 12), folder / "out", tts=tts, manner=MANNER)
    return folder / "out"


def stop_after(count):
    def on_row(done, total, row):
        if done == count:
            raise Stopped

    return on_row


def test_what_is_spoken_is_data_for_training(tts, tmp_path):
    """`train` and `data prepare` take the manifest as it is, without the lines that failed."""
    tables = [{"id": "a", "text": "The mill."}, {"id": "b", "text": "***"}]
    tables.append({"id": "c", "text": "A river.", "out": "deep/c"})
    out = tmp_path / "out"
    made = run(lines(tmp_path / "x.jsonl", tables), out, tts=tts, manner=MANNER)
    assert (made.done, made.failed) == (2, 1)
    wanted = [("The mill.", out / "a.flac"), ("A river.", out / "deep" / "c.flac")]
    rows = manifest.read([DataSource(path=out / "manifest.jsonl", format="jsonl")])
    assert [(row.text, row.audio) for row in rows] == wanted
    assert [row.id for row in rows] == ["a", "c"]
    found = formats.read(SourceFolder(out), 12.0)
    assert [(row.text, row.audio) for row in found.rows] == wanted
    assert [one.text for one in found.rejected] == ["***"]


def test_a_file_for_each_line(tts, whole):
    assert sorted(audio(whole)) == [f"u{n:03}.flac" for n in range(12)]
    manifest = read(whole / "manifest.jsonl")
    assert [m["id"] for m in manifest] == [f"u{n:03}" for n in range(12)]
    assert [m["text"] for m in manifest] == [sentence(n) for n in range(12)]
    heard = io.read(whole / manifest[3]["file"])
    assert heard.duration_s == pytest.approx(manifest[3]["seconds"], abs=0.001)
    assert {m["id"]: m["sha256"] for m in manifest} == {
        name.removesuffix(".flac"): digest for name, digest in audio(whole).items()
    }
    summary = json.loads((whole / "summary.json").read_text())
    assert (summary["items"], summary["done"], summary["failed"]) == (12, 12, 0)
    assert summary["rtf"] > 0


def test_the_speech_is_that_of_the_engine(tts, tmp_path):
    path = lines(tmp_path / "x.jsonl", [{"id": "a", "text": "It turns. It stops."}])
    run(path, tmp_path / "out", tts=tts)
    seeds = {sentence["id"]: sentence for sentence in read(tmp_path / "out" / "results.jsonl")}
    assert seeds["a"]["seconds"] > 0.5
    assert io.read(tmp_path / "out" / "a.flac").sample_rate == tts.sample_rate


@pytest.mark.parametrize("stops", [(1,), (5,), (2, 4, 11)])
def test_an_interrupted_run_ends_with_the_same_bytes(tts, whole, tmp_path, stops):
    path = numbered(tmp_path / "x.jsonl", 12)
    for count in stops:
        with pytest.raises(Stopped):
            run(path, tmp_path / "out", tts=tts, manner=MANNER, on_row=stop_after(count))
    made = run(path, tmp_path / "out", tts=tts, manner=MANNER)
    assert made.done == 12
    assert made.spoken == 12 - stops[-1]
    assert audio(tmp_path / "out") == audio(whole)
    assert (tmp_path / "out/manifest.jsonl").read_bytes() == (whole / "manifest.jsonl").read_bytes()
    results = read(tmp_path / "out" / "results.jsonl")
    assert sorted(row["id"] for row in results) == [f"u{n:03}" for n in range(12)]


def test_a_finished_run_does_nothing_again(tts, tmp_path):
    path = numbered(tmp_path / "x.jsonl", 3)
    run(path, tmp_path / "out", tts=tts)
    made = run(path, tmp_path / "out", tts=tts)
    assert (made.done, made.spoken) == (3, 0)


def test_what_is_lost_or_damaged_is_made_again(tts, tmp_path):
    path, out = numbered(tmp_path / "x.jsonl", 4), tmp_path / "out"
    run(path, out, tts=tts)
    before = audio(out)
    (out / "u001.flac").unlink()
    (out / "u002.flac").write_bytes((out / "u002.flac").read_bytes()[:-9])
    with (out / "results.jsonl").open("a") as stream:
        stream.write('{"id": "u003", "ke')
    data = bytearray((out / "u003.flac").read_bytes())
    data[-40] ^= 1
    (out / "u003.flac").write_bytes(data)
    assert run(path, out, tts=tts).spoken == 2
    assert run(path, out, tts=tts, verify=True).spoken == 1
    assert audio(out) == before


def test_a_changed_line_is_the_only_one_that_is_written(tts, tmp_path):
    path, out = numbered(tmp_path / "x.jsonl", 4), tmp_path / "out"
    run(path, out, tts=tts, manner=Manner(rows=1))
    before = audio(out)
    text = path.read_text().replace(sentence(2), "Other words.")
    path.write_text(text)
    assert run(path, out, tts=tts, manner=Manner(rows=1)).spoken == 1
    after = audio(out)
    assert [name for name in before if before[name] != after[name]] == ["u002.flac"]


def test_errors_are_collected_with_their_reasons(tts, tmp_path):
    tables = [
        {"id": "good", "text": "It turns."},
        {"id": "silent", "text": "* * *"},
        {"id": "foreign", "text": "日本語"},
        {"id": "nobody", "text": "It turns.", "voice": "speaker9"},
        {"id": "odd", "text": "It turns.", "options": {"stepz": 3}},
        "{",
        {"id": "good", "text": "Again."},
    ]
    path, out = lines(tmp_path / "x.jsonl", tables), tmp_path / "out"
    made = run(path, out, tts=tts)
    assert (made.done, made.failed, made.wrong) == (1, 4, 2)
    errors = {row["id"]: row for row in read(out / "errors.jsonl")}
    kinds = {name: row["kind"] for name, row in errors.items() if name != "good"}
    assert kinds == {
        "silent": "TextError",
        "foreign": "TextError",
        "nobody": "UnknownVoice",
        "odd": "ConfigError",
        "000006": "UsageError",
    }
    assert errors["good"]["line"] == 7
    assert "stepz" in errors["odd"]["reason"]
    again = run(path, out, tts=tts)
    assert (again.done, again.failed, again.spoken) == (1, 4, 0)
    assert len(read(out / "errors.jsonl")) == 6
    assert run(path, out, tts=tts, retry=True).failed == 4
    assert len(read(out / "errors.jsonl")) == 6


def test_strict_does_not_begin(tts, tmp_path):
    path = lines(tmp_path / "x.jsonl", [{"text": "One."}, "{"])
    with pytest.raises(UsageError, match="line 2"):
        run(path, tmp_path / "out", tts=tts, strict=True)
    assert not (tmp_path / "out").exists()


def test_lines_may_have_voices_and_places_of_their_own(tts, tmp_path):
    tables = [
        {"id": "a", "text": "It turns.", "voice": "speaker0"},
        {"id": "b", "text": "It turns.", "voice": "speaker1", "out": "sub/b"},
        {"id": "c", "text": "It turns.", "voice": "speaker0"},
        {"id": "d", "text": "It turns.", "voice": "speaker0", "speed": 0.2, "seed": 5},
    ]
    run(lines(tmp_path / "x.jsonl", tables), tmp_path / "out", tts=tts, manner=Manner("wav"))
    found = audio(tmp_path / "out")
    assert sorted(found) == ["a.wav", "c.wav", "d.wav", "sub/b.wav"]
    a, b, d = (io.read(tmp_path / "out" / n).samples for n in ("a.wav", "sub/b.wav", "d.wav"))
    assert found["a.wav"] == found["c.wav"]
    assert len(a) != len(b) or not np.array_equal(a, b)
    assert len(d) > 1.3 * len(a)


def test_shards_make_what_the_whole_makes(tts, tmp_path):
    path = numbered(tmp_path / "x.jsonl", 9)
    run(path, tmp_path / "one", tts=tts, manner=Manner(rows=1))
    for number in (1, 2):
        run(path, tmp_path / "two", tts=tts, manner=Manner(rows=1), shard=Shard(number, 2))
    assert audio(tmp_path / "one") == audio(tmp_path / "two")
    parts = [read(tmp_path / "two" / f"results-{n}of2.jsonl") for n in (1, 2)]
    assert sum(map(len, parts)) == 9


def test_a_store_outlives_the_files(tts, tmp_path):
    path = numbered(tmp_path / "x.jsonl", 6)
    manner = Manner("wav", rows=4, store=str(tmp_path / "store"))
    run(path, tmp_path / "one", tts=tts, manner=manner)
    kept = audio(tmp_path / "store")
    run(path, tmp_path / "two", tts=tts, manner=manner)
    assert audio(tmp_path / "one") == audio(tmp_path / "two")
    assert audio(tmp_path / "store") == kept
    assert len(kept) == 6


def test_an_address_of_fsspec(tts, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    path, url = numbered(tmp_path / "x.jsonl", 3), "memory://bulk/out"
    with pytest.raises(Stopped):
        run(path, url, tts=tts, on_row=stop_after(1))
    assert run(path, url, tts=tts).spoken == 2
    system = fsspec.filesystem("memory")
    names = sorted(name.rpartition("/")[2] for name in system.ls("/bulk/out", detail=False))
    assert names == [
        *("errors.jsonl", "manifest.jsonl", "results.jsonl", "summary.json"),
        *("u000.flac", "u001.flac", "u002.flac"),
    ]
    assert run(path, url, tts=tts, verify=True).spoken == 0
    with pytest.raises(OutputError, match="is not an address"):
        run(path, "nothing-like-it://x", tts=tts)


def test_one_process_at_a_time(tts, tmp_path):
    path, out = numbered(tmp_path / "x.jsonl", 2), tmp_path / "out"

    def on_row(done, total, row):
        run(path, out, tts=tts)

    with pytest.raises(UsageError, match="Another process"):
        run(path, out, tts=tts, on_row=on_row)


@pytest.mark.parametrize(
    ("how", "error"),
    [({"workers": 0}, UsageError), ({"manner": Manner("xyz")}, UnknownFormat)],
)
def test_what_cannot_be_is_refused(tmp_path, how, error):
    with pytest.raises(error):
        run(numbered(tmp_path / "x.jsonl", 1), tmp_path / "out", **how)


def test_a_batch_that_is_too_large_is_halved(tts, tmp_path, monkeypatch):
    """As a device does that has no memory left for more than two rows."""
    session = tts.session

    class Small:
        def __init__(self, rows):
            self._own, self.count = session(rows), 0

        def add(self, utterance, request):
            self.count += 1
            if self.count > 2:
                raise RuntimeError("out of memory")
            return self._own.add(utterance, request)

        def __getattr__(self, name):
            return getattr(self._own, name)

    monkeypatch.setattr(tts, "session", Small)
    run(numbered(tmp_path / "x.jsonl", 8), tmp_path / "out", tts=tts, manner=Manner(rows=8))
    results = read(tmp_path / "out" / "results.jsonl")
    assert len(results) == 8
    assert {row["split"] for row in results} == {2}


def test_recordings_are_cloned_line_by_line(tmp_path):
    path = lines(
        tmp_path / "x.jsonl",
        [
            {"id": "a", "text": "It turns slowly.", "ref": "a.wav", "transcript": F5_WORDS},
            {"id": "b", "text": "It turns slowly.", "ref": "b.wav", "transcript": F5_WORDS},
            {"id": "none", "text": "It turns.", "ref": "c.wav", "transcript": F5_WORDS},
            {"id": "nobody", "text": "It turns."},
        ],
    )
    for seed, name in enumerate("ab"):
        io.write(tmp_path / f"{name}.wav", speechlike(3.0, level=0.1, seed=seed))
    tts = tiny_f5()
    made = run(path, tmp_path / "out", tts=tts, manner=Manner("wav"))
    assert (made.done, made.failed) == (2, 2)
    assert len(set(audio(tmp_path / "out").values())) == 2
    kinds = {row["id"]: row["kind"] for row in read(tmp_path / "out" / "errors.jsonl")}
    assert kinds == {"none": "AudioError", "nobody": "UnknownVoice"}
    io.write(tmp_path / "b.wav", speechlike(3.0, level=0.1, seed=7))
    assert run(path, tmp_path / "out", tts=tts, manner=Manner("wav")).spoken == 1
