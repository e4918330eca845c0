"""Lower precisions at toy size: how far from float32, and rows that do not hear of one another."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from tests.models.xtts.test_decode import GREEDY, alone, cases, endless, prompt_of, run
from tests.tolerance import assert_near
from vivavoce.nn.gpt_decode import GptDecoder
from vivavoce.nn.kv_cache import Span
from vivavoce.runtime.arithmetic import MANY_ROWS, Arithmetic
from vivavoce.runtime.attention import attends
from vivavoce.runtime.int8 import Int8Linear, available
from vivavoce.runtime.kernels import CACHE_FILE, machine_key
from vivavoce.runtime.measurements import MeasurementCache
from vivavoce.runtime.onednn import StreamedLinear

BFLOAT16 = pytest.param(Arithmetic(torch.bfloat16), id="bfloat16")
PACKED = pytest.param(Arithmetic(torch.bfloat16, packed=True), id="bfloat16-packed")
INT8 = pytest.param(
    Arithmetic(int8=True),
    id="int8",
    marks=pytest.mark.skipif(not available(), reason="this torch has no such product"),
)
ways = pytest.mark.parametrize("arithmetic", [BFLOAT16, PACKED, INT8])


@pytest.fixture
def gpt(gpt):
    return endless(gpt)


def lowered(gpt, arithmetic):
    twin = copy.deepcopy(gpt)
    twin.freeze(arithmetic)
    return twin


def logits(gpt, parity):
    """Of every code that was recorded, given those before it."""
    inputs = parity.inputs
    _, states = gpt.teacher_forced(parity.outputs["cond_latents"], inputs["text"], inputs["codes"])
    found = gpt.code_head(states).clone()
    found[..., gpt.config.stop_code] = 0
    return found


def relative(found, expected):
    return float((found - expected).norm() / expected.norm())


@ways
def test_logits_err_by_what_the_format_explains(parity, gpt, arithmetic):
    """And by something: else it would not be in use."""
    error = relative(logits(lowered(gpt, arithmetic), parity), logits(gpt, parity))
    assert 1e-4 < error < (0.03 if arithmetic.int8 else 0.01), error


@ways
def test_only_the_large_products_are_lowered(parity, gpt, arithmetic):
    lower = lowered(gpt, arithmetic)
    for block in lower.blocks.layers:
        for layer in (block.qkv, block.out, block.up, block.down):
            if arithmetic.int8:
                assert isinstance(layer, Int8Linear)
            else:
                assert layer.weight.dtype == torch.bfloat16
    assert lower.code_head.weight.dtype == torch.float32
    assert logits(lower, parity).dtype == torch.float32
    assert lower.cache(1).layers[0].dtype == torch.float32, "until it was measured"


@ways
def test_greedy_codes_agree_where_nothing_was_a_near_tie(parity, gpt, arithmetic):
    """At the first that differs float32 had two about as likely; later ones hear another past."""
    lower, prompt = lowered(gpt, arithmetic), prompt_of(gpt, parity)
    exact, found = (alone(g, prompt, GREEDY, torch.zeros(40)).codes for g in (gpt, lower))
    same = [a == b for a, b in zip(exact, found, strict=True)]
    first = same.index(False) if False in same else len(same)
    if first < len(same):
        margins = gpt.code_head(alone(gpt, prompt, GREEDY, torch.zeros(40)).states[first])
        gap = margins[exact[first]] - margins[found[first]]
        assert 0 <= gap < 0.1 * margins[: gpt.config.stop_code].std(), "not a near tie"
    assert sum(same) >= 36


@pytest.mark.skipif(not attends(torch.bfloat16), reason="torch cannot attend in bfloat16 here")
@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="no oneDNN in this torch")
@pytest.mark.parametrize("arithmetic", [PACKED, INT8])
def test_keys_and_values_in_bfloat16_where_that_was_faster(parity, gpt, tmp_path, arithmetic):
    """They add nothing to see to what products of that format err by."""
    kept = MeasurementCache(tmp_path / CACHE_FILE)
    kept.write(f"{machine_key()} | one query in bfloat16", True)
    wide, narrow = (lowered(gpt, replace(arithmetic, cache_folder=f)) for f in (None, tmp_path))
    assert [g.cache(1).layers[0].dtype for g in (wide, narrow)] == [torch.float32, torch.bfloat16]
    errors = [relative(logits(g, parity), logits(gpt, parity)) for g in (wide, narrow)]
    assert errors[0] != errors[1] < 1.5 * errors[0], errors
    exact = replace(arithmetic, dtype=torch.float32, int8=False, cache_folder=tmp_path)
    assert lowered(gpt, exact).cache(1).layers[0].dtype == torch.float32


FLIPPED = 1e-3  # float32 rounding now and then tips a rounding to bfloat16 or int8 over


@ways
def test_batched_equals_single(parity, gpt, arithmetic):
    lower = lowered(gpt, arithmetic)
    single = [alone(lower, *case) for case in cases(gpt, parity)]
    decoding = GptDecoder(lower, 4)
    sequences = run(decoding, [decoding.add(*case) for case in cases(gpt, parity)])
    for one, other in zip(single, sequences, strict=True):
        assert one.codes == other.codes
        assert relative(other.latents(), one.latents()) < FLIPPED


@ways
def test_step_by_step_is_all_at_once(parity, gpt, arithmetic):
    lower, cpu = lowered(gpt, arithmetic), torch.device("cpu")
    inputs, latents = parity.inputs, parity.outputs["cond_latents"]
    _, whole = lower.teacher_forced(latents, inputs["text"], inputs["codes"])
    prompt, codes = prompt_of(gpt, parity).embeddings, inputs["codes"][0]
    cache, length = lower.cache(1), prompt.shape[1]
    cache.reserve(length + len(codes))
    states = [lower(prompt, cache, Span.prompt(0, 0, length, cpu))[:, -1:]]
    for place, code in enumerate(codes):
        said = lower.codes(code[None, None], torch.tensor([[place + 1]]))
        states.append(lower(said, cache, Span.step([length + place], cpu)))
    assert relative(torch.cat(states, 1), whole) < FLIPPED


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="no oneDNN in this torch")
def test_weights_are_laid_out_for_as_many_lines_as_there_may_be(parity, gpt, monkeypatch):
    """Only layers larger than these are worth it; so these are called large."""
    monkeypatch.setattr("vivavoce.runtime.onednn.MIN_WEIGHTS", 1)
    expected = [alone(gpt, *case) for case in cases(gpt, parity)]
    streamed = lowered(gpt, Arithmetic(packed=True))
    layers = [layer for layer in streamed.modules() if isinstance(layer, StreamedLinear)]
    assert len(layers) == 4 * len(gpt.blocks.layers) + 1
    for rows in (1, MANY_ROWS, 1, MANY_ROWS - 1, MANY_ROWS):
        decoding, waiting, sequences = GptDecoder(streamed, rows), list(cases(gpt, parity)), []
        assert all(layer.few_rows == (rows < MANY_ROWS) for layer in layers)
        while waiting or decoding.sequences:
            while waiting and not decoding.full:
                sequences.append(decoding.add(*waiting.pop(0)))
            decoding.step()
        for one, other in zip(expected, sequences, strict=True):
            assert one.codes == other.codes
            assert_near(other.latents(), one.latents())
        del decoding  # its rows no longer count
