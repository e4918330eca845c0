"""From how many channels on fewer products are faster: measured once, kept, obeyed."""

from __future__ import annotations

import torch

from vivavoce.nn import convolution_choice
from vivavoce.nn.convolution_choice import NEVER, ConvolutionChoice, choose_convolution
from vivavoce.nn.toom_cook import NARROWEST


def test_nothing_is_measured_without_a_folder():
    choice = choose_convolution(None)
    assert choice.narrowest == NARROWEST
    assert choice.gains == {}


def test_a_measurement_is_kept(tmp_path, monkeypatch):
    choice = choose_convolution(tmp_path)
    assert set(choice.gains) == {"32", "64", "128"}
    assert choice.shares in {1, torch.get_num_threads()}
    assert all(gain > 0 for gain in choice.gains.values())
    monkeypatch.setattr(convolution_choice, "measure", None)  # not asked again
    assert choose_convolution(tmp_path) == choice


def test_the_narrowest_from_which_all_wider_ones_gain(monkeypatch):
    def found(*gains: float) -> ConvolutionChoice:
        times = iter([[1.0, 2.0], *([gain, 1.0] for gain in gains)])  # of shares, of each width
        monkeypatch.setattr(convolution_choice, "least_seconds", lambda *_: next(times))
        return convolution_choice.measure()

    assert found(1.2, 1.4, 1.8).narrowest == 32
    assert found(1.2, 0.9, 1.8).narrowest == 128
    slow = found(1.2, 1.1, 0.8)
    assert slow.narrowest == NEVER
    assert "0.80" in slow.reason
