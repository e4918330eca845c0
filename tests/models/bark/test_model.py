"""Bark whole: its text, its voices, what it does when it rambles, what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.models.bark.toy import tiny_bark, tiny_history
from vivavoce.errors import BadCheckpoint, ConfigError, GuardError, TextError, VoiceError
from vivavoce.hub import voice_file
from vivavoce.models.bark import guard
from vivavoce.models.bark.config import BarkConfig, GptConfig
from vivavoce.models.bark.gpt import Decoding
from vivavoce.models.bark.stages import coarse_codes, pick
from vivavoce.models.bark.text import BarkTextConfig, WordPieces, vocabulary_of
from vivavoce.models.bark.voice import history
from vivavoce.models.bark.workloads import TOY, random_model
from vivavoce.models.base import sentences
from vivavoce.nn.noise import Noise
from vivavoce.runtime.arithmetic import Arithmetic
from vivavoce.runtime.int8 import available

PIECES = "[UNK] He ##llo laughs caf ##é ♪ [ ] . ! 你"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tts():
    return tiny_bark()


def test_text_is_cut_into_berts_word_pieces():
    pieces = WordPieces(BarkTextConfig(PIECES), TOY)
    tokens = pieces.encode("Hello  [laughs] cafe\u0301! 你? ♪")
    entries = PIECES.split(" ")
    read = [entries[number - TOY.text_offset] for number in tokens.ids]
    wanted = ["He", "##llo", "[", "laughs", "]", "caf", "##é", "!", "你", "[UNK]", "♪"]
    assert read == wanted
    assert tokens.word_index[:5] == (0, 0, -1, 1, -1)
    assert tokens.unknown == ("?",)
    assert pieces.length("Hello") == 2


def test_what_is_no_text_or_no_vocabulary_is_refused():
    pieces = WordPieces(BarkTextConfig(PIECES), TOY)
    assert not pieces.encode("й").speakable
    with pytest.raises(TextError, match="only punctuation"):
        pieces.encode("♪ ...")
    assert vocabulary_of("[UNK]\r\na\r\n") == "[UNK] a"
    with pytest.raises(BadCheckpoint, match=r"not BERT's vocab\.txt"):
        vocabulary_of("a\nb c\n")
    with pytest.raises(ConfigError, match="has 300 entries, the model 202"):
        WordPieces(BarkTextConfig(" ".join(map(str, range(300)))), TOY)


def test_an_utterance_has_the_length_that_was_asked_for(tts):
    (found,) = tts.model.generate(_sentences(tts, 0.4), Noise(0))
    assert found.values.shape == (1, 8, int(20 / 49.9 * 75))
    assert found.problems == ("",)
    assert 0 <= found.values.min() <= found.values.max() < TOY.codes
    (slow,) = tts.model.generate(_sentences(tts, 0.4, speed=0.5), Noise(0))
    assert slow.lengths[0] == pytest.approx(int(found.lengths[0]), abs=1)
    with pytest.raises(ConfigError, match=r"duration_s is 16; at speed 1 it may be 15\.4"):
        list(tts.model.generate(_sentences(tts, 16.0), Noise(0)))


def test_a_history_is_heard_and_no_history_is_drawn(tts):
    one, other = (
        next(tts.model.generate(_sentences(tts, 0.2, voice), Noise(0))).values
        for voice in (tts.model.voice(), tiny_history())
    )
    assert one.shape == other.shape
    assert not torch.equal(one, other)


def test_steps_are_counted_and_may_end_the_work(tts):
    told = []
    list(tts.model.generate(_sentences(tts, 0.2), Noise(0), lambda *now: told.append(now)))
    done, totals = zip(*told, strict=True)
    assert list(done) == list(range(1, len(done) + 1))
    assert len(set(totals)) == 1
    assert done[-1] == 10 + 30 + 6
    assert totals[0] >= done[-1]

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(tts.model.generate(_sentences(tts, 0.2), Noise(0), stop))


def _sentences(tts, seconds, voice=None, **options):
    options = tts.model.options_type(duration_s=seconds, **options)
    voice = voice or tts.model.voice()
    return sentences([tts.model.tokenise("Good.", voice, options)], voice, options)


def test_rambling_is_tried_once_more_and_then_an_error():
    """With states of zero everything is equally likely, and the first is the likeliest."""
    tts = tiny_bark()
    tts.model.semantic.norm.weight.zero_()
    tries = []
    options = {"duration_s": 0.0, "temperature": 0.0, "end_probability": 1.0}
    with pytest.raises(GuardError, match=r"limit \(2\.\d s\) without a stop token \('No\.'\)"):
        tts.speak("No.", on_step=lambda done, _: tries.append(done), **options)
    assert tries.count(1) == 2
    said = tts.speak("No.", on_problem="warn", **options)
    assert "without a stop token" in said.warnings[0]
    short = tts.speak("No.", on_problem="warn", duration_s=0.0, end_probability=0.001)
    assert len(short.samples) < len(said.samples)


def test_how_long_a_text_may_take():
    words = "It was a bright cold day in April, and the clocks were striking."
    usual = guard.longest_s(words)
    assert 8 < usual < 14
    assert guard.longest_s(f"{words} [laughs]") == pytest.approx(usual + 4, abs=0.5)
    assert guard.longest_s(f"♪ {words} ♪") > 2 * usual
    assert not guard.problem(words, 4.0, True)
    assert "truncated" in guard.problem(words, 1.0, True)
    assert "without a stop token" in guard.problem(words, usual, False)
    assert not guard.problem("[laughs]", 0.4, True)


def test_an_npz_is_a_voice(tmp_path, tts):
    voice, file = tiny_history(), tmp_path / "de_speaker_3.npz"
    np.savez(file, **{f"{part}_prompt": codes.numpy() for part, codes in voice.tensors.items()})
    read = voice_file.load(file)
    assert (read.family, read.name, read.language) == ("bark", "de_speaker_3", "de")
    given = tts.speak("Good.", str(file)).samples
    assert np.array_equal(given, tts.speak("Good.", voice).samples)
    np.savez(file, some=np.zeros(3))
    with pytest.raises(VoiceError, match=r"arrays in .*\(some\) are not a voice"):
        voice_file.load(file)
    file.write_bytes(b"PK")
    with pytest.raises(VoiceError, match="is not a voice file"):
        voice_file.load(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fine": None}, "lacks some of its codes"),
        ({"coarse": torch.zeros(3, 75).long()}, r"have shapes \[\[50\], \[3, 75\]"),
        ({"semantic": torch.zeros(30).long()}, "has 30 semantic tokens; its codes need about 50"),
        ({"fine": torch.full((8, 75), 64)}, "codes that this model lacks"),
        ({"semantic": torch.full((50,), -1)}, "codes that this model lacks"),
        ({"fine": torch.zeros(8, 75)}, "codes that this model lacks"),
        ({"semantic": torch.zeros(0).long()}, r"have shapes \[\[0\]"),
    ],
)
def test_damaged_voices_are_refused(change, message):
    voice = tiny_history()
    assert history(voice, TOY, CPU) is not None
    tensors = {k: t for k, t in {**voice.tensors, **change}.items() if t is not None}
    with pytest.raises(VoiceError, match=message):
        history(replace(voice, tensors=tensors), TOY, CPU)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: BarkConfig(text_pad=200_000),
        lambda: BarkConfig(codes=4096),
        lambda: BarkConfig(fine=GptConfig(n_in=1024, n_out=1024)),
        lambda: GptConfig(n_in=9, n_out=9, width=10, heads=3),
        lambda: GptConfig(n_in=9, n_out=9, depth=0),
    ],
)
def test_impossible_sizes_are_refused(bad):
    with pytest.raises(ConfigError):
        bad()


def test_too_many_tokens_are_refused(tts):
    (one,) = _sentences(tts, 0.1)
    long = replace(one, tokens=replace(one.tokens, ids=one.tokens.ids * 100))
    with pytest.raises(TextError, match="must have 1 to 256"):
        list(tts.model.generate([long], Noise(0)))


@torch.no_grad()
def test_a_window_that_goes_on_equals_one_that_is_read_again(tts, monkeypatch):
    """Codes of 5 s without a history: the last windows forget the first codes."""
    begun, config, gpt = [], TOY, tts.model.coarse
    begin = Decoding.begin
    monkeypatch.setattr(Decoding, "begin", lambda *a: begun.append(len(a[1])) or begin(*a))
    semantic = torch.arange(250) % config.semantic_tokens
    uniform = torch.rand(752)
    found = coarse_codes(gpt, config, semantic, None, 0.7, lambda n: uniform[:n])
    assert begun == [257, 257 + 630, 257 + 630]
    said = (found + torch.tensor([[0], [config.codes]]) + config.semantic_tokens).t().flatten()
    for start in (60, 600, 660):
        place = max(0, round(start / config.coarse_per_semantic) - 209)
        window = torch.full((256,), config.coarse_pad)
        window[: len(semantic[place:])] = semantic[place:]
        prompt = [window, torch.tensor([config.coarse_infer]), said[max(0, start - 630) : start]]
        state = begin(Decoding(gpt, 1024), gpt.tokens(torch.cat(prompt)))
        first = config.semantic_tokens
        scores = gpt.scores(state, first, first + config.codes)
        assert pick(scores, 0.7, uniform[:1]) + first == said[start]


@pytest.mark.parametrize(
    "lower", [Arithmetic(torch.bfloat16, packed=True), Arithmetic(int8=True)], ids=["bf16", "int8"]
)
@torch.inference_mode()
def test_a_lower_precision_scores_nearly_the_same(lower):
    if lower.int8 and not available():
        pytest.skip("this torch has no such product")
    exact = random_model(TOY, CPU)
    gpt = random_model(TOY, CPU).freeze(lower).semantic
    prompt = exact.semantic.tokens(torch.arange(9))
    states = [Decoding(one, 20).begin(prompt) for one in (exact.semantic, gpt)]
    states += [Decoding(one, 20).begin(prompt[:1]) for one in (exact.semantic, gpt)]
    for expected, found in (states[:2], states[2:]):
        assert 1e-5 < (found - expected).std() / expected.std() < 0.05
