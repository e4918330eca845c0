"""`vivavoce eval` as a user calls it."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def listed(here):
    (here / "x.csv").write_text("id,text\na,It turns.\nb,It stops.\n")
    (here / "heard.tsv").write_text("a\tit turns\nb\tit is\n")
    return here / "x.csv"


def test_a_report(cli, listed, loads, here):
    command = ("eval", "--list", "x.csv", "--recogniser", "transcripts:heard.tsv")
    found = cli(*command, "-o", "one", "--seeds", "0,1", "--fail-if", "wer>0.5")
    assert found.code == 0, found.err
    assert "wer" in found.out
    assert "wrote one/report.html" in found.err
    assert (here / "one" / "report.html").is_file()
    again = cli(*command, "-o", "two", "--report", "r.html", "--json", "--fail-if", "wer>0.2",
                "--against", "one/report.json")  # fmt: skip
    assert again.code == 1
    assert "failed: wer>0.2: 0.2500 against 0.2000" in again.err
    assert json.loads(again.out)["failures"] == ["wer>0.2: 0.2500 against 0.2000"]
    assert (here / "r.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--seeds", "x"), "--seeds is 'x'"),
        (("--seeds", "1,1"), "--seeds is '1,1'"),
        (("--fail-if", "wer"), "'wer' is not a condition"),
        (("--protocol", "x"), "no protocol 'x'"),
        (("--recogniser", "x:y"), "recogniser 'x:y'"),
        (("--list-format", "x"), "format 'x'"),
        (("--dnsmos", "no.onnx"), "no.onnx"),
        (("--steps", "4"), "has no --steps"),
    ],
)
def test_mistakes_are_told(cli, listed, loads, arguments, says):
    found = cli("eval", "--list", "x.csv", *arguments)
    assert found.code == 2
    assert says in found.err
