"""`vivavoce bulk` as a user calls it."""

from __future__ import annotations

import json

import pytest

from tests.bulk.lists import lines, numbered


def test_a_list_becomes_files(cli, loads, here):
    numbered(here / "x.jsonl", 3)
    found = cli("bulk", "x.jsonl", "-o", "out", "--format", "wav", "--batch", "2", "--json")
    assert found.code == 0
    assert json.loads(found.out)["done"] == 3
    assert "wrote 3 files to out, 3 of 3 are complete" in found.err
    assert sorted(p.name for p in (here / "out").glob("*.wav")) == [
        *("u000.wav", "u001.wav", "u002.wav")
    ]
    assert "wrote 0 files" in cli("bulk", "x.jsonl", "-o", "out", "--format", "wav").err


def test_errors_are_told_and_do_not_end_the_work(cli, loads, here):
    lines(here / "x.jsonl", [{"id": "a", "text": "Hello."}, {"id": "b", "text": "* *"}, "{"])
    found = cli("bulk", "x.jsonl", "-o", "out")
    assert found.code == 0
    assert "error: b: " in found.err
    assert "1 of 2 are complete; 2 lines failed, see out/errors.jsonl" in found.err
    assert cli("bulk", "x.jsonl", "-o", "out", "--strict").code == 2
    lines(here / "x.jsonl", [{"id": "a", "text": "Hello."}, {"id": "b", "text": "* *"}])
    assert cli("bulk", "x.jsonl", "-o", "out", "--strict").code == 1


@pytest.mark.parametrize("wrong", [["{", '{"id": "b"}'], [{"id": "a", "text": "* *"}]])
def test_a_list_of_nothing_but_errors_fails(cli, loads, here, wrong):
    lines(here / "x.jsonl", wrong)
    found = cli("bulk", "x.jsonl", "-o", "out")
    assert found.code == 1
    assert "wrote 0 files to out" in found.err
    assert f"{len(wrong)} lines failed, see out/errors.jsonl" in found.err
    assert len((here / "out" / "errors.jsonl").read_text().splitlines()) == len(wrong)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--batch", "0"), "--batch is 0"),
        (("--workers", "0"), "workers is 0"),
        (("--shard", "5"), "shard is '5'"),
        (("--voice", "x", "--ref", "y.wav"), "mutually exclusive"),
        (("--steps", "3"), "has no --steps"),
        (("--format", "xyz"), "xyz"),
    ],
)
def test_mistakes_are_told_before_the_work(cli, loads, here, arguments, says):
    numbered(here / "x.jsonl", 1)
    found = cli("bulk", "x.jsonl", "-o", "out", *arguments)
    assert found.code == 2
    assert says in found.err
