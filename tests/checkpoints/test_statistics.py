import numpy as np
import pytest

from vivavoce.checkpoints import read as stats
from vivavoce.errors import BadCheckpoint, UnsafeCheckpoint


def test_reads_the_pickled_table(tmp_path):
    table = {"mel_mean": np.arange(3.0), "mel_std": np.ones(3, np.float32), "note": "x"}
    np.save(tmp_path / "scale_stats.npy", table, allow_pickle=True)
    found = stats.statistics_beside(tmp_path, "/somewhere/else/scale_stats.npy")
    assert found == ((0.0, 1.0, 2.0), (1.0, 1.0, 1.0))
    assert stats.statistics_beside(tmp_path, "other.npy") is None
    assert stats.statistics_beside(tmp_path, None) is None


def test_runs_nothing(tmp_path):
    class Evil:
        def __reduce__(self):
            import os

            return os.system, (f"touch {tmp_path}/ran",)

    np.save(tmp_path / "bad.npy", Evil(), allow_pickle=True)
    with pytest.raises(UnsafeCheckpoint):
        stats.statistics(tmp_path / "bad.npy")
    assert not (tmp_path / "ran").exists()


def test_other_files_are_refused(tmp_path):
    np.save(tmp_path / "plain.npy", np.ones(3))
    (tmp_path / "text.npy").write_text("hello")
    for name in ("plain.npy", "text.npy"):
        with pytest.raises(BadCheckpoint):
            stats.statistics(tmp_path / name)
