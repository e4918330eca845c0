"""Results on disk: a file each, written whole or not at all; the longest unused go first."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from dataclasses import astuple
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vivavoce.errors import VivavoceError
from vivavoce.files import write_bytes
from vivavoce.serve.cache import Result
from vivavoce.serve.outbox import Sound, SpokenWord

log = logging.getLogger("vivavoce.serve")
SUFFIX = ".speech"


class DiskCache:
    """A folder of at most `capacity` bytes. Several servers may share it.

    A file holds samples as they were made (32 bit), so that what is read sounds to the last bit as
    what was written. One that cannot be read counts as absent, and is removed.
    """

    def __init__(self, folder: Path, capacity: int) -> None:
        self.folder, self.capacity = folder, capacity

    def get(self, key: str) -> Result | None:
        path = self._path(key)
        try:
            result = read(path)
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            log.warning("removed a damaged result from the disk cache")
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        return result

    def put(self, key: str, result: Result) -> None:
        """Nothing is raised: a full disk only means that nothing is kept."""
        data = written(result)
        path = self._path(key)
        if len(data) > self.capacity or path.exists():
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make_room(len(data))
            write_bytes(path, data)
        except (OSError, VivavoceError) as error:
            log.warning("cannot write a result to the disk cache: %s", type(error).__name__)

    def _make_room(self, size: int) -> None:
        files = [(path.stat(), path) for path in self.folder.glob(f"*{SUFFIX}")]
        held = sum(known.st_size for known, _ in files)
        for known, path in sorted(files, key=lambda one: one[0].st_mtime_ns):
            if held + size <= self.capacity:
                return
            path.unlink(missing_ok=True)
            held -= known.st_size

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{SUFFIX}"


def written(result: Result) -> bytes:
    """A result as a safetensors file: samples, and the rest as JSON."""
    samples = np.concatenate([sound.samples for sound in result.sounds]).astype(np.float32)
    facts = {
        "lengths": [len(sound.samples) for sound in result.sounds],
        "words": [[astuple(word) for word in sound.words] for sound in result.sounds],
        "rate": result.rate,
        "input_tokens": result.input_tokens,
        "output_frames": result.output_frames,
    }
    return save({"samples": samples}, {"facts": json.dumps(facts)})


def read(path: Path) -> Result:
    """What `written` wrote. Raises OSError, SafetensorError, ValueError, KeyError, TypeError."""
    with safe_open(path, "numpy") as file:
        samples = file.get_tensor("samples")
        facts = json.loads(file.metadata()["facts"])
    lengths = facts["lengths"]
    if sum(lengths) != len(samples) or min(lengths) < 0:
        raise ValueError("lengths")
    pieces = np.split(samples, np.cumsum(lengths)[:-1])
    sounds = tuple(
        Sound(piece, tuple(SpokenWord(*word) for word in words))
        for piece, words in zip(pieces, facts["words"], strict=True)
    )
    return Result(sounds, facts["rate"], facts["input_tokens"], facts["output_frames"])
