from __future__ import annotations

import json
import os
import signal
import stat
import threading
import time
from pathlib import Path

import pytest

from vivavoce import files
from vivavoce.errors import OutputError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_and_folders_replace_what_was_there(tmp_path):
    for content in ("old", "new"):
        with files.atomic_path(tmp_path / "deep" / "file") as temporary:
            temporary.write_text(content)
            assert not (tmp_path / "deep" / "file").exists() or content == "new"
        with files.atomic_path(tmp_path / "folder", flush=True) as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert (tmp_path / "deep" / "file").read_text() == "new"
    assert names(tmp_path / "folder") == ["new"]
    assert names(tmp_path) == ["deep", "folder"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failing_block_leaves_what_was_there(tmp_path, error):
    (tmp_path / "file").write_text("old")

    def fail() -> None:
        with files.atomic_path(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_the_systems_refusals_are_typed(tmp_path):
    (tmp_path / "file").write_text("old")
    full = files.atomic_path(tmp_path / "x", advice="Free some space.")
    with pytest.raises(OutputError, match=r"Cannot write .*Free some"), full:
        raise OSError(28, "No space left on device")
    with pytest.raises(OutputError):
        files.write_text(tmp_path / "file" / "below", "new")
    with pytest.raises(OutputError):
        files.write_text(tmp_path / ("x" * 300), "new")
    with pytest.raises(OutputError):
        files.write_text(tmp_path, "new")
    assert names(tmp_path) == ["file"]


def test_a_file_that_must_not_replace(tmp_path):
    with files.atomic_path(tmp_path / "x", replace=False) as temporary:
        temporary.write_text("first")
    with pytest.raises(FileExistsError), files.atomic_path(tmp_path / "x", replace=False) as other:
        other.write_text("second")
    assert (tmp_path / "x").read_text() == "first"
    assert names(tmp_path) == ["x"]


def test_one_of_many_writers_wins_and_the_others_know(tmp_path):
    results: list[str] = []
    begin = threading.Barrier(8)

    def write(name: str) -> None:
        try:
            with files.atomic_path(tmp_path / "x", replace=False) as temporary:
                temporary.write_text(name)
                begin.wait()
            results.append(name)
        except FileExistsError:
            pass

    threads = [threading.Thread(target=write, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(tmp_path / "x").read_text()] == results
    assert names(tmp_path) == ["x"]


def test_links_are_followed_and_devices_written_to(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    files.write_text(tmp_path / "link", "ü")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text(encoding="utf-8") == "ü"
    files.write_text(os.devnull, "nothing")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)  # noqa: PTH116


def test_leftovers_of_dead_writers_are_swept_and_those_of_others_stay(tmp_path):
    dead = tmp_path / ".vivavoce-0123456789ab.tmp"
    dead.mkdir()
    (dead / "half").write_text("half")
    strange = tmp_path / ".vivavoce-notes.tmp"
    strange.mkdir()
    with files.atomic_path(tmp_path / "slow") as temporary:
        assert not dead.exists()
        temporary.write_text("slow")
        files.write_text(tmp_path / "fast", "fast")
    assert names(tmp_path) == [".vivavoce-notes.tmp", "fast", "slow"]


def test_writers_may_be_nested(tmp_path):
    """As a training run exports: the folder that appears whole holds a model that does."""
    with files.atomic_path(tmp_path / "outer") as outer, files.atomic_path(outer) as inner:
        inner.mkdir()
        files.write_text(inner / "file", "x")
    assert names(tmp_path) == ["outer"]
    assert names(tmp_path / "outer") == ["file"]


def test_interrupted_replacements_are_undone_at_every_reading(tmp_path):
    (tmp_path / ".a.previous").mkdir()
    (tmp_path / ".a.previous" / "old").touch()
    (tmp_path / ".b.previous").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").mkdir()
    assert [path.name for path in files.entries(tmp_path)] == ["a", "b"]
    assert names(tmp_path / "a") == ["old"]
    (tmp_path / "a").rename(tmp_path / ".a.previous")
    files.recover(tmp_path / "a")
    assert names(tmp_path / "a") == ["old"]
    with files.atomic_path(tmp_path / "b") as temporary:
        temporary.mkdir()
    assert names(tmp_path) == [".hidden", "a", "b"]
    assert files.entries(tmp_path / "none") == []


def test_a_reader_waits_for_a_replacement_in_progress(tmp_path):
    """It must not put the old folder back while a living writer is between its two renames."""
    import fcntl

    (tmp_path / ".m.previous").mkdir()
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    reader = threading.Thread(target=files.recover, args=(tmp_path / "m",))
    reader.start()
    time.sleep(0.05)
    assert names(tmp_path) == [".m.previous"]
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "new").touch()
    os.close(handle)
    reader.join(5)
    assert names(tmp_path / "m") == ["new"]


def test_a_lock_excludes_and_dies_with_its_process(tmp_path):
    again = files.lock(tmp_path / "x.lock", wait=False)
    with files.lock(tmp_path / "x.lock"), pytest.raises(BlockingIOError), again:
        pass
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with files.lock(tmp_path / "x.lock"):
            os.write(tell, b"1")
            time.sleep(60)
        os._exit(0)
    os.read(ready, 1)
    with pytest.raises(BlockingIOError), files.lock(tmp_path / "x.lock", wait=False):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with files.lock(tmp_path / "x.lock", wait=False):
        pass
    for end in (ready, tell):
        os.close(end)


def test_json_caches_survive_damage_and_concurrent_updates(tmp_path):
    cache = tmp_path / "new" / "cache.json"
    assert files.read_json(cache) == {}
    threads = [
        threading.Thread(target=files.update_json, args=(cache, lambda t, n=n: t | {str(n): n}))
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files.read_json(cache) == {str(n): n for n in range(12)}
    for damage in ("", "[1]", "{", "\ufffd", "[" * 100_000, json.dumps("x" * (5 << 20))):
        cache.write_text(damage, encoding="utf-8")
        assert files.read_json(cache) == {}
    files.update_json(cache, lambda table: table | {"a": 1})
    assert files.read_json(cache) == {"a": 1}
    with pytest.raises(ValueError, match="JSON"):
        files.update_json(cache, lambda _: {"a": float("nan")})
    assert files.read_json(cache) == {"a": 1}


def test_remove(tmp_path):
    (tmp_path / "folder" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to("folder")
    files.remove(tmp_path / "link")
    assert names(tmp_path) == ["folder"]
    files.remove(tmp_path / "folder")
    files.remove(tmp_path / "none")
    assert names(tmp_path) == []


def test_lines_end_at_line_feeds_alone():
    text = '{"a": "one\u2028two\u0085three"}\r\n{}\n'
    assert files.lines(text) == ['{"a": "one\u2028two\u0085three"}', "{}", ""]
