import errno
import io
import os
from pathlib import Path

import pytest

from vivavoce.audio.sink import Sink
from vivavoce.errors import OutputError


class Full(io.BytesIO):
    def __init__(self, number):
        super().__init__()
        self.number = number

    def write(self, data):
        raise OSError(self.number, os.strerror(self.number))


def test_bytes_arrive_whole_and_overwriting_works(tmp_path):
    sink = Sink(tmp_path / "a")
    sink.write(b"0123456789")
    sink.seek(2)
    sink.write(b"ab")
    assert (sink.tell(), sink.seek(0, os.SEEK_END), sink.seek(-1, os.SEEK_CUR)) == (4, 10, 9)
    assert not (tmp_path / "a").exists()
    sink.commit()
    assert (tmp_path / "a").read_bytes() == b"01ab456789"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_stream_that_cannot_go_back_drops_what_is_written_over_its_beginning():
    class Pipe:
        data = b""

        def write(self, data):
            self.data += bytes(data)

        def flush(self):
            pass

    pipe = Pipe()
    sink = Sink(pipe)
    assert not sink.seekable()
    sink.write(b"head")
    sink.seek(0)
    sink.write(b"HEAD")
    sink.write(b"tail")
    sink.commit()
    assert pipe.data == b"headtail"


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "Free some space"), (errno.EACCES, "may write")]
)
def test_errors_wait_until_they_are_asked_for(number, advice):
    sink = Sink(Full(number))
    assert sink.write(b"abc") == 3
    with pytest.raises(OutputError, match=advice):
        sink.check()


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    sink = Sink(path)
    monkeypatch.setattr(sink._file, "write", Full(errno.ENOSPC).write, raising=False)
    sink.write(b"new")
    with pytest.raises(OutputError, match=r"No space left.*Free some space"):
        sink.commit()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_device_is_written_and_not_replaced():
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    sink = Sink("/dev/full")
    sink.write(b"abc")
    with pytest.raises(OutputError, match="No space left"):
        sink.commit()
    assert Path("/dev/full").is_char_device()


def test_missing_folders_and_folders_as_targets(tmp_path):
    with pytest.raises(OutputError, match="Create the folder"):
        Sink(tmp_path / "missing" / "a.wav")
    with pytest.raises(OutputError, match="is a folder"):
        Sink(tmp_path)


def test_permission_denied(tmp_path, monkeypatch):
    def refuse(self, mode, **how):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(OutputError, match=r"Permission denied.*may write to"):
        Sink(tmp_path / "a")


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    sink = Sink(tmp_path / "link")
    sink.write(b"new")
    sink.commit()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_what_killed_writers_left_is_swept_and_what_living_ones_write_stays(tmp_path):
    stale = tmp_path / ".vivavoce-0123456789ab.part"
    stale.write_bytes(b"left behind")
    (tmp_path / ".other.part").write_bytes(b"not ours")
    living = Sink(tmp_path / "a")
    living.write(b"abc")
    Sink(tmp_path / "b").commit()
    assert not stale.exists()
    living.commit()
    assert (tmp_path / "a").read_bytes() == b"abc"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.part", "a", "b"]


def test_an_interruption_within_an_encoder_is_not_lost(tmp_path):
    class Interrupted(io.BytesIO):
        def write(self, data):
            raise KeyboardInterrupt

    sink = Sink(Interrupted())
    assert sink.write(b"abc") == 3
    with pytest.raises(KeyboardInterrupt):
        sink.check()
