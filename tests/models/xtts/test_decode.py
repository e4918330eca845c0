"""GptDecoder against the reference's codes, alone and beside others."""

from __future__ import annotations

import pytest
import torch

from tests.models.xtts.sampled import sampled
from tests.tolerance import assert_near, assert_recorded
from vivavoce.nn import gpt_decode as decode_module
from vivavoce.nn import kv_cache as cache_module
from vivavoce.nn.gpt_decode import GptDecoder, GptPrompt
from vivavoce.runtime import graphs

GREEDY = sampled(temperature=0.0, repetition_penalty=1.0)


def endless(gpt):
    """The recordings forbid the stop code."""
    gpt.code_head.bias[gpt.config.stop_code] = -1e9
    return gpt


def prompt_of(gpt, parity, n_text=None):
    ids = parity.inputs["text"][:, :n_text]
    latents = parity.outputs["cond_latents"]
    return GptPrompt(torch.cat([latents, gpt.text(ids), gpt.start(ids.device)], dim=1))


def run(decoding, sequences):
    while decoding.sequences:
        decoding.step()
    return sequences


def alone(gpt, prompt, sampler, uniform):
    decoding = GptDecoder(gpt, 1)
    (sequence,) = run(decoding, [decoding.add(prompt, sampler, uniform)])
    return sequence


@pytest.mark.parity
@pytest.mark.parametrize(
    ("name", "penalty"), [("greedy", 1.0), ("greedy_reppen5", 5.0), ("greedy_reppen10", 10.0)]
)
def test_greedy_codes_are_the_references(parity, gpt, name, penalty):
    expected = parity.outputs[f"tokens.{name}"][0].tolist()
    sampler = sampled(temperature=0.0, repetition_penalty=penalty)
    sequence = alone(endless(gpt), prompt_of(gpt, parity), sampler, torch.zeros(len(expected)))
    assert sequence.codes == expected
    assert sequence.done
    assert not sequence.stopped


@pytest.mark.parity
def test_it_stops_where_the_reference_stops(parity, gpt):
    expected = parity.outputs["tokens.greedy_free_stop"][0].tolist()
    sequence = alone(gpt, prompt_of(gpt, parity), GREEDY, torch.zeros(60))
    assert sequence.codes == expected[: len(sequence.codes)]
    assert sequence.stopped == (gpt.config.stop_code in expected)
    assert len(sequence.states) == len(sequence.codes)


@pytest.mark.parity
def test_states_are_the_latents_of_the_references_second_pass(parity, gpt):
    n_codes = parity.outputs["latents_of_greedy_reppen5"].shape[1]
    sampler = sampled(temperature=0.0, repetition_penalty=5.0)
    sequence = alone(endless(gpt), prompt_of(gpt, parity), sampler, torch.zeros(n_codes))
    assert_recorded(sequence.latents().transpose(1, 2), parity, "latents_of_greedy_reppen5")


SAMPLERS = (
    GREEDY,
    sampled(0.75, 20, 0.85, 5.0),
    sampled(1.3, 0, 1.0, 1.0),
    sampled(0.9, 5, 0.5, 2.0),
)


def cases(gpt, parity):
    generator = torch.Generator().manual_seed(3)
    for sampler, n_text, n_codes in zip(SAMPLERS, (13, 4, 9, 1), (40, 17, 29, 40), strict=True):
        yield prompt_of(gpt, parity, n_text), sampler, torch.rand(n_codes, generator=generator)


def test_batched_equals_single(parity, gpt):
    gpt = endless(gpt)
    single = [alone(gpt, *case) for case in cases(gpt, parity)]
    decoding = GptDecoder(gpt, 4)
    sequences = run(decoding, [decoding.add(*case) for case in cases(gpt, parity)])
    for one, other in zip(single, sequences, strict=True):
        assert one.codes == other.codes
        assert_near(one.latents(), other.latents())


def test_sequences_come_and_go_between_steps(parity, gpt):
    """Two rows for four sequences: whoever ends makes room, and none hears of another."""
    gpt = endless(gpt)
    single = [alone(gpt, *case) for case in cases(gpt, parity)]
    decoding, waiting, sequences = GptDecoder(gpt, 2), list(cases(gpt, parity)), []
    while waiting or decoding.sequences:
        while waiting and not decoding.full:
            sequences.append(decoding.add(*waiting.pop(0)))
        decoding.step()
    assert [sequence.codes for sequence in sequences] == [sequence.codes for sequence in single]


def test_a_removed_sequence_does_not_change_the_others(parity, gpt):
    gpt = endless(gpt)
    expected = [alone(gpt, *case).codes for case in cases(gpt, parity)]
    decoding = GptDecoder(gpt, 4)
    sequences = [decoding.add(*case) for case in cases(gpt, parity)]
    decoding.step()
    decoding.remove(sequences[0])
    decoding.step()
    decoding.remove(sequences[2])
    run(decoding, sequences)
    assert [len(sequence.codes) for sequence in sequences] == [2, 17, 3, 40]
    assert [sequence.codes for sequence in sequences[1::2]] == expected[1::2]
    assert sequences[0].codes == expected[0][:2]


def test_a_voice_heard_before_is_the_same_voice(parity, gpt):
    gpt = endless(gpt)
    (whole, sampler, uniform), *_ = cases(gpt, parity)
    expected = alone(gpt, whole, sampler, uniform)
    from vivavoce.nn.kv_cache import Span

    voice = gpt.cache(1)
    voice.reserve(32)
    gpt(whole.embeddings[:, :32], voice, Span.prompt(0, 0, 32, torch.device("cpu")))
    found = alone(gpt, GptPrompt(whole.embeddings[:, 32:], voice, 32), sampler, uniform)
    assert found.codes == expected.codes
    assert_near(found.latents(), expected.latents())


def test_masked_cache_positions_are_ignored(parity, gpt, monkeypatch):
    """Shorter rows have room behind them, where anything may have been."""
    gpt = endless(gpt)
    empty = torch.Tensor.new_empty
    monkeypatch.setattr(
        torch.Tensor, "new_empty", lambda x, *shape: empty(x, *shape).fill_(float("nan"))
    )
    decoding = GptDecoder(gpt, 4)
    sequences = run(decoding, [decoding.add(*case) for case in cases(gpt, parity)])
    assert all(sequence.latents().isfinite().all() for sequence in sequences)


def test_prompts_of_one_length_are_heard_together(parity, gpt, monkeypatch):
    """In one pass of the GPT; with padding to whole blocks all four here are of one length."""
    gpt = endless(gpt)
    expected = [alone(gpt, *case) for case in cases(gpt, parity)]
    monkeypatch.setattr(decode_module, "repeating", lambda n, device: cache_module.whole_blocks(n))
    passes, forward = [], gpt.forward

    def watched(x, cache, span):
        passes.append(tuple(x.shape[:2]))
        return forward(x, cache, span)

    monkeypatch.setattr(gpt, "forward", watched)
    decoding = GptDecoder(gpt, 5)
    first = decoding.add(*next(cases(gpt, parity)))
    sequences = decoding.add_all(list(cases(gpt, parity)))
    assert passes == [(1, 64), (4, 64)]
    run(decoding, sequences)
    assert [one.codes for one in sequences] == [one.codes for one in expected]
    assert first.codes == expected[0].codes
    for one, other in zip(sequences, expected, strict=True):
        assert_near(one.latents(), other.latents())


@pytest.fixture
def recordings(monkeypatch):
    """Recording as a GPU does it: fixed tensors, all rows. The shapes and pools asked for."""
    found = []

    def recorded(work, example, memory):
        given, result = example.clone(), work(example)
        found.append((tuple(given.shape), memory))

        def again(fresh):
            given.copy_(fresh)
            result.copy_(work(given))
            return result

        return again

    monkeypatch.setattr(graphs, "records", lambda device: True)
    monkeypatch.setattr(graphs, "recorded", recorded)
    pools = iter(range(9))
    monkeypatch.setattr(graphs, "pool", lambda: (0, next(pools)))
    return found


def test_recorded_steps_give_the_same(parity, gpt, recordings, monkeypatch):
    gpt = endless(gpt)
    with monkeypatch.context() as eager:
        eager.setattr(graphs, "records", lambda device: False)
        expected = [alone(gpt, *case) for case in cases(gpt, parity)]
    decoding, waiting, sequences = GptDecoder(gpt, 3), list(cases(gpt, parity)), []
    while waiting or decoding.sequences:
        while waiting and not decoding.full:
            sequences.append(decoding.add(*waiting.pop(0)))
        decoding.step()
    assert [sequence.codes for sequence in sequences] == [sequence.codes for sequence in expected]
    for one, other in zip(sequences, expected, strict=True):
        assert_near(one.latents(), other.latents())
    assert recordings == [((3, 3), (0, 0))] * 2, "one for every 64 positions"


def test_another_utterance_records_nothing(parity, gpt, recordings):
    """Its decoder gets what the last one left, and what that one heard is gone."""
    gpt = endless(gpt)
    (first, *_), (_, second, *_) = (list(cases(gpt, parity)) for _ in range(2))
    expected = [alone(gpt, *first).codes, alone(gpt, *second).codes]
    kept = gpt.spaces.free[1][0]
    assert all(layer.shape[3] >= gpt.most_positions for layer in kept.cache.layers)
    recorded = len(recordings)
    for layer in kept.cache.layers:
        layer.fill_(float("nan"))
    assert [alone(gpt, *first).codes, alone(gpt, *second).codes] == expected
    assert len(recordings) == recorded
    assert gpt.spaces.free == {1: [kept]}


def test_two_decoders_at_once_have_spaces_of_their_own(parity, gpt, recordings):
    gpt = endless(gpt)
    one, other = GptDecoder(gpt, 1), GptDecoder(gpt, 1)
    assert one.cache is not other.cache
    first, second, *_ = cases(gpt, parity)
    sequences = [one.add(*first), other.add(*second)]
    while one.sequences or other.sequences:
        one.step()
        other.step()
    assert len({pool for _, pool in recordings}) == 2
    expected = [alone(gpt, *first).codes, alone(gpt, *second).codes]
    assert [sequence.codes for sequence in sequences] == expected


def test_on_a_cpu_nothing_is_kept_from_one_decoder_to_the_next(parity, gpt):
    gpt = endless(gpt)
    alone(gpt, *next(cases(gpt, parity)))
    assert gpt.spaces.free == {1: []}


def test_shapes_that_repeat_give_the_same(parity, gpt, monkeypatch):
    """Where a new shape costs a compilation prompts and steps are filled up to whole blocks."""
    gpt = endless(gpt)
    expected = [alone(gpt, *case) for case in cases(gpt, parity)]
    lengths = set()
    forward = gpt.forward

    def watched(x, cache, span):
        lengths.add(span.stop)
        return forward(x, cache, span)

    for module in (cache_module, decode_module):
        monkeypatch.setattr(module, "repeating", lambda n, device: cache_module.whole_blocks(n))
    monkeypatch.setattr(gpt, "forward", watched)
    decoding = GptDecoder(gpt, 4)
    sequences = run(decoding, [decoding.add(*case) for case in cases(gpt, parity)])
    assert [sequence.codes for sequence in sequences] == [sequence.codes for sequence in expected]
    for one, other in zip(sequences, expected, strict=True):
        assert_near(one.latents(), other.latents())
    assert lengths == {64, 128}
