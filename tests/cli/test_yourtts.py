"""YourTTS on the command line: from Coqui's files to a recording's voice in another language."""

from __future__ import annotations

import json

import pytest
import soundfile

from tests.models.vits.test_coqui_export import CONFIGS, whole
from tests.speechlike import speechlike
from vivavoce.models.vits.coqui_export import to_coqui

SAY = ("speak", "-m", "yourtts", "--seed", "3", "--on-problem", "warn")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, here, cli):
    """A home with the model imported under the catalogue's name; `me.wav` and `you.wav`."""
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    to_coqui(*whole(CONFIGS["yourtts"]), tmp_path / "release" / "model_file.pth")
    made = cli("models", "import", tmp_path / "release" / "model_file.pth", "--name", "your-tts")
    assert made.code == 0, made.err
    for number, name in enumerate(("me.wav", "you.wav")):
        samples = speechlike(3.0, 16_000, seed=number).samples
        soundfile.write(name, samples, 16_000)
    return tmp_path / "home"


def samples_of(cli, *arguments: str) -> list[float]:
    said = cli(*SAY, *arguments, "-o", "out.wav", "Bonjour.")
    assert said.code == 0, said.err
    return soundfile.read("out.wav")[0].tolist()


def test_a_recording_speaks_in_every_language_of_the_model(cli):
    french = samples_of(cli, "--ref", "me.wav", "--language", "fr-fr")
    assert samples_of(cli, "--ref", "me.wav", "--language", "en") != french
    assert samples_of(cli, "--ref", "you.wav", "--language", "fr-fr") != french
    added = cli("voices", "add", "me", "me.wav", "-m", "yourtts", "--language", "fr-fr")
    assert added.code == 0, added.err
    assert samples_of(cli, "--voice", "me") == french
    shown = json.loads(cli("voices", "show", "me", "--json").out)
    assert (shown["family"], shown["language"], shown["heard_s"]) == ("vits", "fr-fr", 3.0)


def test_its_own_speakers_and_mixes_of_them(cli):
    assert samples_of(cli, "--voice", "bob") != samples_of(cli, "--voice", "ann")
    mixed = samples_of(cli, "--voice", "ann:3+bob")
    made = cli("voices", "mix", "both", "ann:3+bob", "-m", "yourtts")
    assert made.code == 0, made.err
    assert samples_of(cli, "--voice", "both") == mixed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--ref", "me.wav", "--language", "de"), "does not speak 'de'"),
        (("--voice", "ann+eve"), "no speaker 'eve'"),
        (("--voice", "ann:0+bob"), "weight of the speaker 'ann' is '0'"),
    ],
)
def test_what_can_be_typed_again(cli, arguments, message):
    said = cli(*SAY, *arguments, "-o", "out.wav", "Bonjour.")
    assert said.code == 2
    assert message in said.err, said.err
