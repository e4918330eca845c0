"""Tags, the TOML of several voices, and a text spoken by all of them."""

import numpy as np
import pytest

from tests.tiny import tiny_f5, tiny_voice
from vivavoce.errors import ConfigError, TextError, UnknownVoice, UsageError
from vivavoce.speech.cast import Role, lines, names_in, read

TEXT = "Start. [you] Hello there [x]. [main]  [you] ... 🙂 [me] It is 7:30 pm."


@pytest.fixture(scope="module")
def tts():
    return tiny_f5()


@pytest.fixture(scope="module")
def cast():
    return {"main": tiny_voice(), "you": tiny_voice("you", 1), "me": tiny_voice("me", 2)}


def test_only_known_names_are_tags():
    found = [(line.name, TEXT[line.start : line.end]) for line in lines(TEXT, {"you", "me"})]
    assert found == [
        ("main", "Start. "),
        ("you", " Hello there [x]. [main]  "),
        ("you", " ... 🙂 "),
        ("me", " It is 7:30 pm."),
    ]
    assert names_in(TEXT, {"you", "me", "absent"}) == ["you", "me"]
    assert [line.end for line in lines(TEXT, ())] == [len(TEXT)]


def test_names_are_compared_as_they_are_seen():
    assert names_in("[re\u0301mi] Bonjour.", {"r\u00e9mi"}) == ["r\u00e9mi"]


def test_names_may_have_spaces():
    text = "[Ana Bo] Yes. [Ana  Bo] No.\n[Ana\nBo]"
    assert [line.name for line in lines(text, {"Ana Bo"})] == ["main", "Ana Bo"]


def test_each_line_is_spoken_by_its_voice_at_its_place(tts, cast):
    pieces = list(tts.stream(TEXT, cast, seed=5))
    spoken = list(dict.fromkeys((p.start, p.end) for p in pieces))
    assert [TEXT[a:b] for a, b in spoken] == ["Start.", "Hello there [x].", "It is 7:30 pm."]
    starts = np.cumsum([0] + [len(p.samples) for p in pieces[:-1]]) / tts.sample_rate
    assert [p.start_s for p in pieces] == pytest.approx(starts.tolist())


def test_noise_is_counted_over_the_whole_text(tts, cast):
    """The second utterance is drawn as the second, whoever speaks it."""
    from vivavoce.speech.cast import plan_cast

    made = []
    rows = plan_cast(TEXT, cast, lambda role: made.append(role) or role, _one_utterance(tts, cast))
    assert [(u.index, r.voice.name) for u, r in rows] == [(0, "me"), (1, "you"), (2, "me")]
    assert len(made) == 3
    same = tts.speak("Hello. [me] Hello.", {"main": cast["me"], "me": cast["me"]}, seed=1)
    alone = tts.speak("Hello.", cast["me"], seed=1)
    assert len(same.samples) > 1.8 * len(alone.samples)


def _one_utterance(tts, cast):
    def plan(words, role):
        request = tts._request(role.voice, 1.0, 0, "error", {})
        return tts.plan(words, request)

    return plan


def test_stream_is_speak_for_a_cast(tts, cast):
    whole = tts.speak(TEXT, cast, seed=2)
    pieces = [p.samples for p in tts.stream(TEXT, cast, seed=2)]
    assert np.array_equal(np.concatenate(pieces), whole.samples)
    assert not np.array_equal(whole.samples, tts.speak(TEXT, cast, seed=3).samples)


def test_a_voice_of_its_own_speed(tts, cast):
    text = "[you] One sentence of a few words."
    natural = tts.speak(text, cast).duration_s
    slow = tts.speak(text, cast | {"you": Role(cast["you"], 0.5)}).duration_s
    fast = tts.speak(text, cast | {"you": Role(cast["you"], 0.5)}, speed=2.0).duration_s
    assert slow > 1.6 * natural
    assert fast == pytest.approx(natural, abs=0.05)


def test_a_voice_is_made_when_it_first_speaks_and_once(tts, cast):
    made = []

    def make():
        made.append(1)
        return cast["you"]

    def refuse():
        raise AssertionError

    parts = cast | {"you": Role(make), "absent": Role(refuse)}
    tts.speak("[you] Hello. [me] Yes. [you] Well. [absent] ...", parts)
    assert made == [1]


def test_nothing_to_speak(tts, cast):
    with pytest.raises(TextError, match="empty"):
        tts.speak("[you]  [me] ", cast)
    with pytest.raises(TextError, match="emoji"):
        tts.speak("[you] 🙂 [me] ...", cast)


def test_text_before_the_first_tag_needs_a_main_voice(tts, cast):
    with pytest.raises(UnknownVoice, match="needs a voice"):
        tts.speak("Hello. [you] Hi.", {"you": cast["you"]})
    assert tts.speak(" [you] Hi there.", {"you": cast["you"]}).duration_s > 0


TOML = """
model = "F5TTS_v1_Base"
ref_audio = "main.wav"
ref_text = " Some words. "
gen_text = "not this"
gen_file = "story.txt"
nfe_step = 7
cfg_strength = 1.5
speed = 1.25
remove_silence = true
[voices.town]
ref_audio = "sub/town.wav"
ref_text = ""
speed = 0.8
seed = 3
[voices."c.1"]
ref_audio = "c.wav"
"""


def test_the_toml_of_several_voices(tmp_path):
    folder = tmp_path / "examples"
    folder.mkdir()
    (folder / "story.toml").write_text(TOML, encoding="utf-8")
    (folder / "story.txt").write_bytes("\ufeffHello.".encode())
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "town.wav").touch()
    script = read(folder / "story.toml")
    assert set(script.parts) == {"main", "town", "c.1"}
    main, town, other = (script.parts[name] for name in ("main", "town", "c.1"))
    assert (main.recording, main.transcript, main.speed) == (
        folder / "main.wav",
        "Some words.",
        1.25,
    )
    assert (town.recording, town.transcript, town.speed) == (
        tmp_path / "sub" / "town.wav",
        "",
        0.8,
    )
    assert other.speed == 1.25
    assert script.text == "Hello."
    assert script.options == {"steps": 7, "guidance": 1.5}
    assert script.unused == ("model", "remove_silence", "voices.town.seed")


@pytest.mark.parametrize(
    ("toml", "hint"),
    [
        ("", "no recordings"),
        ("ref_audio = 3", "ref_audio"),
        ("voices = 3", r"voices\.NAME"),
        ("[voices.a]\nref_text = ''", r"voices\.a\.ref_audio"),
        ("[voices.a]\nref_audio = 'a.wav'\nspeed = 0", "speed"),
        ("ref_audio = [", "not valid TOML"),
    ],
)
def test_a_bad_toml_is_named(tmp_path, toml, hint):
    path = tmp_path / "bad.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(ConfigError, match=hint):
        read(path)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        read(tmp_path / "absent.toml")
    (tmp_path / "a.toml").write_text("ref_audio='a.wav'\ngen_file='b.txt'", encoding="utf-8")
    with pytest.raises(UsageError, match=r"b\.txt"):
        read(tmp_path / "a.toml")
