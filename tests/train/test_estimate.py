from __future__ import annotations

import pytest

from vivavoce.train import dry_run


@pytest.mark.parametrize("kind", ["one", "two"])
def test_a_dry_run_counts_and_writes_no_run(kind, toy_file, tmp_path):
    found = dry_run(toy_file, [f"model.kind={kind}", "optim.steps=1000"], device="cpu")
    assert found["utterances"] == 9
    assert found["validation_utterances"] == 3
    assert found["epochs"] == pytest.approx(1000 / found["steps_per_epoch"], rel=0.05)
    assert found["memory_peak_mb"] > 10
    assert found["hours_in_all"] == pytest.approx(
        found["seconds_per_step"] * 1000 / 3600, abs=1e-3, rel=0.01
    )
    counts = {k: v for k, v in found.items() if k.startswith("parameters.")}
    if kind == "one":
        assert counts == {"parameters.model": 28 * 16 + 16 * 16 + 16 + 16 * 8 + 8}
        assert found["longest_batch_s"] <= 2.0
    else:
        assert set(counts) == {"parameters.critic", "parameters.generator"}
    assert not (tmp_path / "run").exists()
