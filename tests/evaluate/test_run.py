"""A list spoken and scored; what the report says, and when it fails."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from tests.bulk.lists import read
from tests.speechlike import speechlike
from tests.tiny import F5_WORDS, tiny_f5, tiny_tts
from vivavoce.audio import io
from vivavoce.errors import UsageError
from vivavoce.evaluate import Counts, evaluate, page, read_list
from vivavoce.evaluate.gate import Condition
from vivavoce.evaluate.recognisers import find
from vivavoce.evaluate.results import Metric, Scored, metrics
from vivavoce.types import Audio

TEXTS = {"a": "It turns <slowly>.", "b": "The mill stood.", "c": "Water fell.", "d": "It's late."}
HEARD = {"a": "it turns slowly", "b": "the mill", "c": "water fell down", "d": "its late"}


class Loud:
    """A scorer that needs no weights."""

    facts = {"loud": "peak"}  # noqa: RUF012 - as the protocol has it

    def score(self, audio, prompt):
        return {"peak": float(np.abs(audio.samples).max())}


@pytest.fixture
def listed(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("id,text\n" + "".join(f"{name},{text}\n" for name, text in TEXTS.items()))
    return read_list(path)


@pytest.fixture
def heard(tmp_path):
    path = tmp_path / "heard.tsv"
    path.write_text("".join(f"{name}\t{text}\n" for name, text in HEARD.items()))
    return find(f"transcripts:{path}", "ours")


@pytest.fixture(scope="module")
def tts():
    return tiny_tts()


def test_a_list_is_spoken_and_scored(tts, listed, heard, tmp_path):
    made = evaluate(
        listed, tmp_path / "out", recogniser=heard, scorers=[Loud()], tts=tts, seeds=(0, 1)
    )
    table = json.loads((tmp_path / "out" / "report.json").read_text())
    assert table["results"]["wer"]["value"] == pytest.approx(3 / 10)
    assert table["results"]["wer_mean"]["value"] == pytest.approx((0 + 1 / 3 + 1 / 2 + 1 / 2) / 4)
    assert table["results"]["peak"]["count"] == 8
    assert table["results"]["utmos"] == {
        "value": None,
        "low": None,
        "high": None,
        "count": 0,
        "reason": "no scorer was asked for",
    }
    assert table["results"]["rtf"]["value"] > 0
    assert table["seeds"] == [0, 1]
    assert table["list"]["sha256"] == listed.sha256
    assert table["list"]["count"] == 4
    assert table["protocol"]["name"] == "ours"
    assert table["model"]["name"] == "tiny"
    assert len(table["model"]["model"]) == 32
    assert table["scorers"]["recogniser"] == "transcripts"
    assert table["machine"]["device"] == "cpu"
    assert len(read(tmp_path / "out" / "items.jsonl")) == len(made.items) == 8


def test_the_protocol_decides_what_an_error_is(tts, listed, heard, tmp_path):
    def wer(protocol):
        out = tmp_path / protocol
        return evaluate(listed, out, recogniser=heard, tts=tts, protocol=protocol).results["wer"]

    assert wer("seed-tts").value == pytest.approx((0 + 1 / 3 + 1 / 2 + 1 / 2) / 4)
    assert wer("f5-tts").value == pytest.approx((0 + 1 / 3 + 1 / 2 + 0) / 4)
    with pytest.raises(UsageError, match="'f6'"):
        evaluate(listed, tmp_path / "x", recogniser=heard, tts=tts, protocol="f6")


def test_audio_that_is_missing_is_an_error_and_not_left_out(listed, heard, tmp_path):
    folder = tmp_path / "wavs"
    folder.mkdir()
    io.write(folder / "a.wav", Audio(np.full(2400, 0.1, np.float32), 24_000))
    (folder / "b.wav").write_bytes(b"RIFF")
    made = evaluate(listed, tmp_path / "out", recogniser=heard, recordings=folder)
    assert made.results["failed"].value == 3
    assert [item.words.rate for item in made.items] == [0.0, 1.0, 1.0, 1.0]
    assert made.results["rtf"].value is None
    page.write(tmp_path / "out" / "r.html", made)
    assert "there is no audio" in (tmp_path / "out" / "r.html").read_text()


def test_without_a_recogniser_there_are_no_word_errors(tts, listed, tmp_path):
    made = evaluate(listed, tmp_path / "out", recogniser=None, scorers=[Loud()], tts=tts)
    assert made.results["wer"] == Metric(None, reason="no recogniser was asked for")
    for text, says in (("wer>0.1", "recogniser"), ("peak>baseline", "baseline")):
        with pytest.raises(UsageError, match=f"needs a {says}"):
            evaluate(listed, tmp_path / "no", recogniser=None, tts=tts, conditions=[text])
    assert not (tmp_path / "no").exists()
    with pytest.raises(UsageError, match="utmos was not measured: no scorer was asked for"):
        evaluate(listed, tmp_path / "out", recogniser=None, tts=tts, conditions=["utmos<3"])


def test_conditions_and_a_baseline(tts, listed, heard, tmp_path):
    evaluate(listed, tmp_path / "old", recogniser=heard, tts=tts)
    worse = dict(HEARD, a="nothing like it")
    path = tmp_path / "worse.tsv"
    path.write_text("".join(f"{name}\t{text}\n" for name, text in worse.items()))
    made = evaluate(
        listed,
        tmp_path / "new",
        recogniser=find(f"transcripts:{path}", "ours"),
        tts=tts,
        against=tmp_path / "old" / "report.json",
        conditions=["wer>0.9", "wer>baseline+0.2", "wer.0>=baseline"],
    )
    assert made.failures == (
        "wer>baseline+0.2: 0.6000 against 0.5000",
        "wer.0>=baseline: 0.6000 against 0.3000",
    )
    assert made.differences["wer"].value == pytest.approx(1 / 4)
    (tmp_path / "no.json").write_text("{}")
    with pytest.raises(UsageError, match="is not an evaluation report"):
        evaluate(listed, tmp_path / "x", recogniser=heard, tts=tts, against=tmp_path / "no.json")


def test_the_page_stands_alone(tts, listed, heard, tmp_path):
    out = tmp_path / "out"
    evaluate(listed, tmp_path / "old", recogniser=heard, tts=tts)
    old = tmp_path / "old" / "report.json"
    made = evaluate(listed, out, recogniser=heard, tts=tts, against=old, conditions=["wer>0.1"])
    page.write(out / "report.html", made, tmp_path / "old")
    text = (out / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|src=\"//|@import", text)
    assert "<meta charset=utf-8>" in text
    assert text.count("<img ") == 4
    assert "It turns &lt;slowly&gt;." in text
    assert "<slowly>" not in text
    assert "Failed: wer&gt;0.1" in text
    assert "<del>stood</del>" in text
    assert "<ins>down</ins>" in text
    players = re.findall(r'<audio controls preload=none src="([^"]+)"', text)
    assert len(players) == 8
    assert all((out / player).is_file() for player in players)
    assert len(text) < 4 * 50_000


@pytest.mark.parametrize("text", ["wer", "wer>", "wer=3", "wer>x", "wer>baseline*2", "wer.mid>1"])
def test_conditions_that_are_none(text):
    with pytest.raises(UsageError, match="condition"):
        Condition.parse(text)


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("wer>0.2", True),
        ("wer<0.2", False),
        ("wer.hi>0.5", True),
        ("wer.lo>0.5", False),
        ("wer.1>0.45", True),
        ("wer>baseline-0.1", True),
        ("wer<=baseline+0.01", False),
    ],
)
def test_parts_of_a_condition(text, fails):
    now = {"wer": Metric(0.3, 0.1, 0.6, 9)}
    seeds = {0: now, 1: {"wer": Metric(0.5)}}
    found = Condition.parse(text).fails(now, seeds, {"wer": Metric(0.25)})
    assert bool(found) == fails


@pytest.mark.parametrize(
    ("text", "says"),
    [("wre>1", "'wer'"), ("wer.7>1", "no seed 7"), ("wer>baseline", "--against")],
)
def test_conditions_about_nothing(text, says):
    now = {"wer": Metric(0.3, 0.1, 0.6, 9)}
    with pytest.raises(UsageError, match=says):
        Condition.parse(text).fails(now, {0: now}, None)


def scored(rates, seed=0):
    return [Scored(f"{n}", seed, "x", words=Counts(r, 0, 0, 10)) for n, r in enumerate(rates)]


def test_the_interval_tells_a_worse_model_from_another_seed():
    rng = np.random.default_rng(1)
    good = metrics(scored(rng.binomial(10, 0.05, 200)), "corpus", {})
    other = metrics(scored(rng.binomial(10, 0.05, 200), seed=1), "corpus", {})
    bad = metrics(scored(rng.binomial(10, 0.12, 200)), "corpus", {})
    gate = Condition.parse("wer.lo>baseline+0.02")
    assert gate.fails(other, {}, good) is None
    assert gate.fails(bad, {}, good)


def test_a_picture_has_a_band_for_each_row():
    t = np.arange(16_000) / 16_000
    levels = page.mel_db(Audio(np.sin(2 * np.pi * 1000 * t).astype(np.float32), 16_000))
    assert levels.shape[0] == page.BANDS
    assert levels.shape[1] <= page.WIDEST + 1
    loudest = levels.mean(axis=1).argmax()
    assert 18 <= loudest <= 26  # 1000 mel of 2840


def test_prompts_are_cloned_and_compared_with(heard, tmp_path):
    class Prompted:
        facts = {"prompted": "length"}  # noqa: RUF012 - as the protocol has it

        def score(self, audio, prompt):
            return {} if prompt is None else {"prompted": prompt.duration_s}

    (tmp_path / "p.lst").write_text(f"a|{F5_WORDS}|a.wav|It turns slowly.\n")
    io.write(tmp_path / "a.wav", speechlike(3.0, level=0.1))
    listed = read_list(tmp_path / "p.lst")
    made = evaluate(listed, tmp_path / "o", recogniser=heard, scorers=[Prompted()], tts=tiny_f5())
    assert made.results["prompted"].value == pytest.approx(3.0)
    page.write(tmp_path / "o" / "r.html", made)
    assert 'src="../a.wav"' in (tmp_path / "o" / "r.html").read_text()
