"""Training as a task: rows, conditions, parts, recomputation, growth, adapters, exports."""

from __future__ import annotations

import logging
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from tests.models.f5.corpus import toy_state
from tests.models.f5.toy import KINDS, toy
from tests.tolerance import assert_near
from vivavoce.config import to_dict
from vivavoce.errors import ConfigError
from vivavoce.models.f5.growth import EMBEDDING, grown
from vivavoce.models.f5.infilling import F5Loss, Infilling, spans
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.f5.train import DRAWN, F5Task, build_task, extended
from vivavoce.models.f5.workloads import LETTERS
from vivavoce.nn.counted import parts_of, total
from vivavoce.nn.task import Batch


def task_of(kind: str = "v1", dropout: float = 0.0) -> F5Task:
    like = toy(kind)
    model = F5TTS(like.config, like.spec, like.text, "v1")
    task = F5Task(model, F5Loss(dropout=dropout))
    task.exported.load_state_dict(toy_state(like, kind))
    return task.train()


def batch_of(lengths: tuple[int, ...] = (40, 31, 24, 17)) -> Batch:
    generator = torch.Generator().manual_seed(1)
    rows, longest = len(lengths), max(lengths)
    features = torch.randn(rows, 100, longest, generator=generator)
    ends = torch.tensor(lengths)
    features *= (torch.arange(longest) < ends[:, None])[:, None]
    return {
        "tokens": torch.randint(0, len(LETTERS), (rows, 9), generator=generator),
        "token_lengths": torch.arange(9, 9 - rows, -1),
        "features": features,
        "feature_lengths": ends,
        "speakers": torch.zeros(rows, dtype=torch.long),
    }


def gradients(task: F5Task, batches: list[Batch]) -> dict[str, Tensor]:
    """Of an update over drawn batches."""
    task.zero_grad()
    totals = total([task.counts(batch) for batch in batches])
    for batch in batches:
        task.share(batch, totals)[0].backward()
    return {n: p.grad.clone() for n, p in task.named_parameters() if p.grad is not None}


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    largest = max(float(v.abs().max()) for v in one.values())
    for name, value in one.items():
        assert float((value - other[name]).abs().max()) <= 1e-5 * largest, name


@pytest.mark.parametrize("kind", KINDS)
def test_accumulated_parts_are_the_whole_batch(kind):
    task = task_of(kind)
    drawn = task.draw(batch_of())
    whole = gradients(task, [drawn])
    assert_same(gradients(task, parts_of(drawn, 4)), whole)
    assert_same(gradients(task, parts_of(drawn, 3)), whole)


def test_blocks_computed_twice_have_the_same_gradients_dropout_included():
    for kind in ("v1", "e2"):
        task = task_of(kind, dropout=0.3)
        drawn = task.draw(batch_of())
        torch.manual_seed(3)
        once = gradients(task, [drawn])
        assert task.recompute(True)
        torch.manual_seed(3)
        twice = gradients(task, [drawn])
        assert all(torch.equal(once[name], twice[name]) for name in once)


def test_dropout_is_for_training_only():
    task = task_of(dropout=0.5)
    drawn = task.draw(batch_of())
    assert not torch.equal(task.sums(drawn)["flow"], task.sums(drawn)["flow"])
    task.eval()
    assert torch.equal(task.sums(drawn)["flow"], task.sums(drawn)["flow"])


def test_every_row_draws_its_own_conditions():
    task = task_of()
    drawn = task.draw(batch_of())
    drawn[f"{DRAWN}reference"] = torch.tensor([0.9, 0.1, 0.9, 0.9])
    drawn[f"{DRAWN}both"] = torch.tensor([0.9, 0.9, 0.1, 0.9])
    together = task.sums(drawn)["flow"]
    alone = [task.sums({k: v[i : i + 1] for k, v in drawn.items()})["flow"] for i in range(4)]
    assert_near(together, torch.stack(alone).sum())
    given = dict(drawn)
    for name in ("reference", "both"):
        given[f"{DRAWN}{name}"] = torch.full((4,), 0.9)
    assert task.sums(given)["flow"] != together


def test_draws_lie_within_their_bounds():
    loss = F5Loss()
    torch.manual_seed(0)
    draws = Infilling.drawn(2000, 3, 2, loss)
    for field in fields(Infilling):
        values = getattr(draws, field.name)
        if field.name != "noise":
            assert float(values.min()) >= 0
            assert float(values.max()) < 1
    assert float(draws.fraction.min()) >= 0.7
    lengths = torch.randint(10, 200, (2000,))
    hidden = spans(draws, lengths, 200)
    assert bool((hidden.sum(1) == (draws.fraction * lengths).long()).all())
    assert not (hidden & (torch.arange(200) >= lengths[:, None])).any()


def test_loss_begins_where_a_model_that_says_nothing_does():
    """Zero flow against noise to mel: 1 + the mean square of the mel."""
    like = toy()
    task = F5Task(F5TTS(like.config, like.spec, like.text))
    loss, terms = task("model", batch_of((400, 380)), 0)
    assert float(loss.detach()) == pytest.approx(2.0, rel=0.05)
    assert loss.requires_grad
    assert not terms["flow"].requires_grad


def test_bfloat16_stays_near_float32():
    task = task_of()
    drawn = task.draw(batch_of())
    full = task.sums(drawn)["flow"]
    with torch.autocast("cpu", torch.bfloat16):
        lower = task.sums(drawn)["flow"]
    lower.backward()
    assert lower.dtype == torch.float32
    assert float(lower.detach()) == pytest.approx(float(full.detach()), rel=0.02)


def test_a_grown_vocabulary_keeps_its_rows_and_derives_new_ones():
    state = toy_state(toy(), "v1")
    old = LETTERS
    new = grown(state, old, (*old, "é", "ß", "☃"))
    table, first = new[EMBEDDING], state[EMBEDDING]
    assert torch.equal(table[: len(first)], first)
    letter = {token: i + 1 for i, token in enumerate(old)}
    assert torch.equal(table[len(first)], first[letter["e"]])
    assert torch.equal(grown(state, old, (*old, "é"))[EMBEDDING][-1], table[len(first)])
    assert float((table[-1] - first[1:].mean(0)).abs().max()) < float(first.std())
    assert grown(state, old, old)[EMBEDDING] is state[EMBEDDING]
    with pytest.raises(ConfigError, match="does not begin"):
        grown(state, old, ("q", *old))


def test_the_vocabulary_is_collected_from_the_texts():
    tables = {"text": {"kind": "characters", "normalise": False}, "model": {"dim": 32}}
    found = extended(tables, ["ab ba", "caß"])
    assert found["text"]["vocabulary"] == [" ", "a", "b", "c", "ß"]
    again = extended(found, ["d"])
    assert again["text"]["vocabulary"] == [" ", "a", "b", "c", "ß", "d"]
    assert found["model"] == {"dim": 32}


def test_tables_make_the_task_and_mistakes_are_named():
    text = {"kind": "characters", "vocabulary": [" ", "a"]}
    model = {"dim": 32, "depth": 1, "heads": 2, "head_dim": 16, "text_dim": 16, "vocoder": "some"}
    task = build_task({"text": text, "model": model, "loss": {"dropout": 0.2}}, ())
    assert task.vocoder == "some"
    assert task.exported.variant == "v1"
    assert task.exported.backbone.blocks[0].attention.dropout == 0.2
    assert task.decayed("bias", torch.nn.Parameter(torch.zeros(1)))
    with pytest.raises(ConfigError, match="span"):
        build_task({"text": text, "model": model, "loss": {"span": [0.9, 0.5]}}, ())
    e2 = replace(KINDS["e2"], n_tokens=2)
    assert build_task({"text": text, "model": to_dict(e2)}, ()).exported.variant == "v0"


def test_a_start_that_may_be_either_variant_is_a_warning(caplog):
    task = task_of()
    vocabulary = list(task.exported.text.vocabulary)
    tables = {"name": "some", "text": {"vocabulary": vocabulary}, "variant": {"name": "unknown"}}
    with caplog.at_level(logging.WARNING):
        task.take(toy_state(toy(), "v1"), tables)
    assert "'some' may be an F5 v0 or v1 and is trained as v1" in caplog.text
    assert task.new_parts == ()
