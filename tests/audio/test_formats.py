import io
from pathlib import Path

import pytest

from vivavoce.audio.formats import FORMATS, find
from vivavoce.errors import UnknownFormat


def test_the_name_wins_then_the_suffix_then_wav():
    assert find("a.mp3", "flac").name == "flac"
    assert find(Path("a.MP3")).name == "mp3"
    assert find(io.BytesIO()).name == "wav"


def test_unknown_names_list_what_there_is():
    with pytest.raises(UnknownFormat, match=r"'opux'.*'opus'.*Known: aac, flac, m4a, mp3"):
        find("a.opux")
    with pytest.raises(UnknownFormat, match="Known: aac"):
        find("x", "zzzz")


def test_rates_are_raised_to_one_the_format_holds():
    assert FORMATS["opus"].rate_for(22050) == 24000
    assert FORMATS["opus"].rate_for(24000) == 24000
    assert FORMATS["opus"].rate_for(96000) == 48000
    assert FORMATS["mp3"].rate_for(20000) == 22050
    assert FORMATS["wav"].rate_for(12345) == 12345


def test_other_names_of_a_format():
    assert find("a.raw").name == find("a.pcm").name == find("a", "s16le").name == "pcm"
    assert find("a.mp4").name == "m4a"
