"""Long work that is interrupted: what is kept, what it says, how it goes on."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.speechlike import speechlike
from vivavoce.audio import kept
from vivavoce.audio.io import StreamWriter, read, write
from vivavoce.errors import AudioError, GuardError, OutputError, UsageError
from vivavoce.types import Audio

RATE = 24_000
REQUEST = {"text": "a1b2", "voice": "me"}
PARTS = [speechlike(0.5, RATE, seed=n).samples for n in range(4)]


def broken_off(writer, parts, begin=0, error=KeyboardInterrupt):
    """Each part complete but for the last, of which a half is written."""
    with writer:
        for number, part in enumerate(parts[:-1], begin + 1):
            writer.write(part)
            writer.mark(10 * number)
        writer.write(parts[-1][:3000])
        raise error


def interrupted(path, name=None, done=2):
    """Two utterances complete, half of a third written."""
    writer = StreamWriter(path, RATE, name, request=REQUEST)
    with pytest.raises(KeyboardInterrupt):
        broken_off(writer, PARTS[: done + 1])
    return writer


def resumed(path, name=None):
    found = kept.find(path, REQUEST)
    with StreamWriter(path, RATE, name, request=REQUEST) as writer:
        begun = writer.restore(found)
        for part in PARTS[begun.end // 10 :]:
            writer.write(part)
    return begun


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GuardError("Not speech."), SystemExit(1)])
def test_complete_utterances_are_kept_and_said(tmp_path, error):
    writer = StreamWriter(tmp_path / "a.wav", RATE, request=REQUEST)
    with pytest.raises(type(error)):
        broken_off(writer, PARTS[:3], error=error)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a.wav.part", "a.wav.part.json"]
    assert str(writer.kept) == f"1.0 s (2 utterances) in {tmp_path / 'a.wav.part'}"
    facts = json.loads((tmp_path / "a.wav.part.json").read_text())
    assert facts["complete"] == [{"end": 10, "samples": 12000}, {"end": 20, "samples": 24000}]


@pytest.mark.parametrize("name", ["wav", "wav-float", "flac", "pcm"])
def test_going_on_gives_the_same_file_as_no_interruption(tmp_path, name):
    write(tmp_path / "whole", Audio(np.concatenate(PARTS), RATE), name)
    interrupted(tmp_path / "a", name)
    begun = resumed(tmp_path / "a", name)
    assert (begun.end, begun.seconds) == (20, 1.0)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "whole").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "whole"]


@pytest.mark.parametrize("name", ["ogg", "opus", "mp3", "m4a", "aac"])
def test_lossy_formats_go_on_too(tmp_path, name):
    if name in ("m4a", "aac"):
        pytest.importorskip("av")
    interrupted(tmp_path / f"a.{name}", name)
    begun = resumed(tmp_path / f"a.{name}", name)
    assert begun.end == 20
    assert read(tmp_path / f"a.{name}").duration_s == pytest.approx(2.0, abs=0.1)


def test_nothing_is_kept_before_the_first_utterance_is_complete(tmp_path):
    assert interrupted(tmp_path / "a.wav", done=0).kept is None
    assert list(tmp_path.iterdir()) == []
    assert kept.find(tmp_path / "a.wav", REQUEST) is None


def test_a_second_interruption_keeps_more_and_success_keeps_nothing(tmp_path):
    path = tmp_path / "a.wav"
    interrupted(path)
    writer = StreamWriter(path, RATE, request=REQUEST)
    writer.restore(kept.find(path, REQUEST))
    with pytest.raises(KeyboardInterrupt):
        broken_off(writer, PARTS[2:], begin=2)
    assert [mark.samples for mark in writer.kept.marks] == [12000, 24000, 36000]
    resumed(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]
    assert read(path).duration_s == 2.0


def test_another_request_or_rate_is_refused(tmp_path):
    interrupted(tmp_path / "a.wav")
    with pytest.raises(UsageError, match=r"another voice.*without --resume"):
        kept.find(tmp_path / "a.wav", {**REQUEST, "voice": "you"})
    found = kept.find(tmp_path / "a.wav", REQUEST)
    writer = StreamWriter(tmp_path / "a.wav", 22_050, request=REQUEST)
    with pytest.raises(AudioError, match="24000 Hz, not 22050 Hz"):
        writer.restore(found)
    writer.abort()
    assert (tmp_path / "a.wav.part").exists()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"format": 2}',
        '{"format": 1, "audio": "wav", "sample_rate": 1, "request": {}, "complete": []}',
        '{"format": 1, "audio": "wav", "sample_rate": 1, "request": {}, "complete": [{"end": -1,'
        ' "samples": 0}]}' + " " * 9,
        "[" * 100_000,
    ],
)
def test_a_damaged_note_is_named(tmp_path, text):
    interrupted(tmp_path / "a.wav")
    (tmp_path / "a.wav.part.json").write_text(text)
    with pytest.raises(OutputError, match=r"a\.wav\.part\.json is damaged.*Start anew"):
        kept.find(tmp_path / "a.wav", {})


def test_audio_that_is_shorter_than_the_note_says(tmp_path):
    interrupted(tmp_path / "a.wav")
    data = (tmp_path / "a.wav.part").read_bytes()
    (tmp_path / "a.wav.part").write_bytes(data[: 44 + 2 * 13_000])
    begun = resumed(tmp_path / "a.wav")
    assert begun.end == 10


def test_a_full_disk_keeps_what_was_complete(tmp_path):
    """In a process that may write 80 kB to a file and no more."""
    code = """if True:
        import resource, signal, sys
        import numpy as np
        from vivavoce.audio.io import StreamWriter
        from vivavoce.errors import OutputError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, resource.RLIM_INFINITY))
        writer = StreamWriter(sys.argv[1], 24_000, request={"text": "a"})
        try:
            with writer:
                for number in range(9):
                    writer.write(np.full(12_000, 0.1 * number, np.float32))
                    writer.mark(number + 1)
        except OutputError as error:
            print(error, "|", writer.kept)
    """
    path = tmp_path / "a.wav"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert "Free some space" in done.stdout
    assert "1.5 s (3 utterances)" in done.stdout
    found = kept.find(path, {"text": "a"})
    with StreamWriter(path, 24_000, request={"text": "a"}) as writer:
        assert writer.restore(found).end == 3
    assert read(path).duration_s == 1.5
    np.testing.assert_allclose(read(path).samples[::12_000], [0.0, 0.1, 0.2], atol=1e-4)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


WRITER = """if True:
    import signal, sys, time
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # so does nohup
    import numpy as np
    from vivavoce.audio.io import StreamWriter
    from vivavoce.cli.signals import Ended, orderly_end
    with orderly_end():
        with StreamWriter(sys.argv[1], 24_000, request={"text": "a"}) as writer:
            writer.write(np.full(12_000, 0.1, np.float32))
            writer.mark(5)
            print("ready", flush=True)
            time.sleep(60)
"""


def ended_by(number: signal.Signals, path: Path) -> int:
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        return process.wait(timeout=30)


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_orderly(tmp_path, number):
    ended_by(number, tmp_path / "a.wav")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a.wav.part", "a.wav.part.json"]
    assert kept.find(tmp_path / "a.wav", {"text": "a"}).end == 5


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
def test_what_a_kill_leaves_is_swept_by_the_next_writer(tmp_path):
    assert ended_by(signal.SIGKILL, tmp_path / "a.wav") == -signal.SIGKILL
    assert [path.name[:10] for path in tmp_path.iterdir()] == [".vivavoce-"]
    time.sleep(0.01)
    write(tmp_path / "b.wav", Audio(PARTS[0], RATE))
    assert [path.name for path in tmp_path.iterdir()] == ["b.wav"]
