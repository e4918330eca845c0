"""Names of public collections: where they lead, and which are none."""

import pytest

from vivavoce.hub import collections


def test_a_piper_voice():
    entry = collections.entry("piper/en_US-lessac-medium")
    assert entry is not None
    assert [str(source) for source in entry.sources] == [
        "hf://rhasspy/piper-voices/en/en_US/lessac/medium/en_US-lessac-medium.onnx",
        "hf://rhasspy/piper-voices/en/en_US/lessac/medium/en_US-lessac-medium.onnx.json",
    ]
    assert (entry.languages, entry.licence) == (("en-US",), "")
    assert "ask its makers" in entry.announcement


def test_an_mms_language_says_its_licence_first():
    entry = collections.entry("mms/deu")
    assert entry is not None
    assert (entry.repo, entry.variant, entry.languages) == ("facebook/mms-tts-deu", "deu", ("deu",))
    assert "CC-BY-NC-4.0" in entry.announcement
    assert collections.entry("mms/uig-script_arabic") is not None


@pytest.mark.parametrize(
    "name", ["piper/en-lessac-medium", "piper/en_US-lessac-great", "mms/de", "mms/../x", "deu", ""]
)
def test_other_names(name):
    assert collections.entry(name) is None


def test_how_names_look():
    assert collections.advice("mms/german") == "Its voices are named like mms/deu."
    assert "piper/en_US-lessac-medium" in collections.advice("piper/lessac")
    assert collections.advice("kathleen") == ""
