"""Grids and whole trajectories, with the noise given, against the reference's recordings."""

from __future__ import annotations

import re

import pytest
import torch

from tests.models.f5.reference import backbone_of, token_rows
from tests.models.f5.test_layers import MODELS
from tests.tolerance import EPSILON, assert_near, assert_recorded, assert_within
from vivavoce.audio.features import FeatureExtractor
from vivavoce.audio.specs import VOCOS_24K
from vivavoce.models.f5.config import F5Options
from vivavoce.models.f5.sampler import evaluations, grid, guided, sample

RUNS = (
    "steps7_epss_cfg2_sway-1",
    "steps7_noepss_cfg2_sway-1",
    "steps8_cfg0_nosway",
    "steps8_cfg2_sway-1",
    "midpoint_steps8_cfg2_sway-1",
)


def options_of(run: str) -> F5Options:
    """What a recording's name says."""
    sway = re.search(r"sway(-?[\d.]+)", run)
    return F5Options(
        steps=int(re.search(r"steps(\d+)", run)[1]),
        guidance=float(re.search(r"cfg([\d.]+)", run)[1]),
        sway=float(sway[1]) if sway else 0.0,
        pruned="noepss" not in run,
        method="midpoint" if run.startswith("midpoint") else "euler",
    )


def solved(model, reference, ids, lengths, noise, options, seen=None):
    """`reference` `[B, N, M]`, zero where speech is made."""
    with torch.no_grad():
        context = model.context(reference, ids, lengths, guided(options))
        schedule = model.schedule(evaluations(options))
        on_step = (lambda done, _all: seen.append(done)) if seen is not None else None
        return sample(model, noise, context, schedule, options, on_step)


@pytest.fixture(params=MODELS)
def recorded(request, load_parity):
    recording = load_parity(request.param)
    return recording, backbone_of(recording.meta, recording.weights)


@pytest.mark.parity
@pytest.mark.parametrize("run", RUNS)
def test_trajectory(recorded, run):
    recording, model = recorded
    inputs, options = recording.inputs, options_of(run)
    noise, known = inputs["sample_y0"], inputs["sample_cond_mel"]
    reference = torch.zeros_like(noise)
    reference[:, : known.shape[1]] = known
    steps: list[int] = []
    ids = token_rows(inputs["sample_text"])
    x = solved(model, reference, ids, [noise.shape[1]], noise, options, steps)
    x[:, : known.shape[1]] = known
    assert_recorded(x, recording, f"sample.{run}")
    assert steps == list(range(1, options.steps + 1))


@pytest.mark.parity
def test_longest_row_of_a_batch(recorded):
    """As in test_layers: the reference's shorter row depends on its neighbour, ours does not."""
    recording, model = recorded
    inputs, options = recording.inputs, options_of("steps8_cfg2_sway-1")
    lengths, known = inputs["sample_b2_duration"].tolist(), inputs["sample_b2_lens"].tolist()
    mel, ids = inputs["sample_b2_cond_mel"], token_rows(inputs["sample_text"])[0]
    noise = torch.zeros(2, max(lengths), mel.shape[2])
    reference = torch.zeros_like(noise)
    for row, (length, given) in enumerate(zip(lengths, known, strict=True)):
        noise[row, :length] = inputs["sample_y0"][0, :length]
        reference[row, :given] = mel[row, :given]
    x = solved(model, reference, [ids, ids], lengths, noise, options)
    longest = lengths.index(max(lengths))
    made = (longest, slice(known[longest], None))
    assert_recorded(x[made], recording, "sample.b2_steps8_cfg2_sway-1", made)
    for row, n in enumerate(lengths):
        one = slice(row, row + 1)
        alone = solved(model, reference[one, :n], [ids], [n], noise[one, :n], options)
        assert_near(x[row, :n], alone[0])


def drawn(recording, n_frames: int) -> torch.Tensor:
    torch.manual_seed(recording.meta["sample"]["seed"])
    return torch.randn(1, n_frames, recording.meta["config"]["mel_dim"])


@pytest.mark.parity
def test_editing(recorded):
    recording, model = recorded
    inputs, n_frames = recording.inputs, recording.outputs["sample.edit_mask"].shape[1]
    mel, keep = inputs["edit_cond"], inputs["edit_mask"][0]
    noise = drawn(recording, n_frames)
    reference = torch.zeros_like(noise)
    reference[:, : len(keep)] = mel * keep[None, :, None]
    ids = token_rows(inputs["sample_text"])
    x = solved(model, reference, ids, [noise.shape[1]], noise, options_of("steps8_cfg2_sway-1"))
    x[0, : len(keep)][keep] = mel[0][keep]
    assert_recorded(x, recording, "sample.edit_mask")


@pytest.mark.parity
def test_from_the_recording_itself(recorded):
    recording, model = recorded
    inputs, n_frames = recording.inputs, recording.outputs["sample.wave_cond_steps8"].shape[1]
    with torch.no_grad():
        mel = FeatureExtractor(VOCOS_24K)(inputs["sample_cond_wave"])[0].t()
    noise = drawn(recording, n_frames)
    reference = torch.zeros_like(noise)
    reference[0, : len(mel)] = mel
    ids = token_rows(inputs["sample_str_ids"])
    x = solved(model, reference, ids, [noise.shape[1]], noise, options_of("steps8_cfg2_sway-1"))
    x[0, : len(mel)] = mel
    assert_recorded(x, recording, "sample.wave_cond_steps8")


@pytest.mark.parity
def test_grids(recorded):
    for run, times in recorded[0].meta["timesteps"].items():
        assert_within(grid(options_of(run)), torch.tensor(times), EPSILON)


@pytest.mark.parametrize("steps", [1, 5, 6, 7, 10, 12, 16, 32, 100])
@pytest.mark.parametrize("sway", [-1.0, 0.0, 0.7])
def test_grids_run_from_noise_to_speech(steps, sway):
    t = grid(F5Options(steps=steps, sway=sway))
    assert len(t) == steps + 1
    assert float(t[0]) == 0.0
    assert float(t[-1]) == pytest.approx(1.0, abs=1e-6)
    assert (t.diff() > 0).all()


def test_midpoint_asks_between():
    t = evaluations(F5Options(steps=4, method="midpoint", sway=0.0))
    assert_within(t, torch.arange(8) / 8, EPSILON)
