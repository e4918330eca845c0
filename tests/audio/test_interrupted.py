"""Writers whose process is ended: nothing half done is left under any name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.speechlike import speechlike
from vivavoce.audio.io import write
from vivavoce.types import Audio

RATE = 24_000
SPEECH = Audio(speechlike(0.5, RATE).samples, RATE)

FULL = """if True:
    import resource, signal, sys
    import numpy as np
    from vivavoce.audio.io import StreamWriter
    from vivavoce.errors import OutputError
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, resource.RLIM_INFINITY))
    try:
        with StreamWriter(sys.argv[1], 24_000) as writer:
            for number in range(9):
                writer.write(np.full(12_000, 0.1 * number, np.float32))
    except OutputError as error:
        print(error)
"""

WRITER = """if True:
    import signal, sys, time
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # so does nohup
    import numpy as np
    from vivavoce.audio.io import StreamWriter
    from vivavoce.cli.signals import Ended, orderly_end
    with orderly_end():
        with StreamWriter(sys.argv[1], 24_000) as writer:
            writer.write(np.full(12_000, 0.1, np.float32))
            print("ready", flush=True)
            time.sleep(60)
"""


def test_a_full_disk_leaves_the_old_file(tmp_path):
    """In a process that may write 80 kB to a file and no more."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", FULL, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Free some space" in done.stdout
    assert [each.name for each in tmp_path.iterdir()] == ["a.wav"]
    assert path.read_bytes() == b"old"


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
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
def test_what_a_kill_leaves_is_swept_by_the_next_writer(tmp_path):
    assert ended_by(signal.SIGKILL, tmp_path / "a.wav") == -signal.SIGKILL
    assert [path.name[:10] for path in tmp_path.iterdir()] == [".vivavoce-"]
    time.sleep(0.01)
    write(tmp_path / "b.wav", SPEECH)
    assert [path.name for path in tmp_path.iterdir()] == ["b.wav"]
