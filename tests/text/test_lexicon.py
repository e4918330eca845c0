"""Words that are said otherwise than they are written."""

from __future__ import annotations

import pytest

from vivavoce.errors import ConfigError
from vivavoce.text.lexicon import read

TABLE = r"""
[words]
siobhan = "Shivawn"
NASA = { spell = true }
Caius = { say = "Keys", phonemes = "kiːz" }
"New York" = "Noo York"
York = "Yorrk"
[patterns]
'\bSgt\. (?=[A-Z])' = "Sergeant "
'(\d+)km' = '\1 kilometres'
[de.words]
live = "leif"
[en-gb.words]
lieutenant = "leftenant"
"""


@pytest.fixture
def lexicon(tmp_path):
    (tmp_path / "x.toml").write_text(TABLE, encoding="utf-8")
    return read(tmp_path / "x.toml")


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [
        ("Siobhan and SIOBHAN's", "en", "Shivawn and Shivawn's"),
        ("siobhanx", "en", "siobhanx"),
        ("NASA, nasa", "en", "N A S A, nasa"),
        ("Caius spoke.", "en", "Keys spoke."),
        ("New York and York", "en", "Noo York and Yorrk"),
        ("Sgt. Smith ran 5km.", "en", "Sergeant Smith ran 5 kilometres."),
        ("Sgt. of arms", "en", "Sgt. of arms"),
        ("live", "en", "live"),
        ("Live", "de", "leif"),
        ("Live", "de-AT", "leif"),
        ("lieutenant", "en_GB", "leftenant"),
        ("lieutenant", "en-US", "lieutenant"),
    ],
)
def test_what_is_said(lexicon, text, language, said):
    assert lexicon.applied(text, language) == said


def test_phonemes_are_for_voices_that_read_them(lexicon):
    assert lexicon.applied("Caius", "en", phonemes=True) == "[[kiːz]]"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("[wrods]\na = 'b'", "'wrods'"),
        ("[words]\na = 3", r"words\.a is 3"),
        ("[words]\na = { sya = 'b' }", r"words\.a\.sya"),
        ("[words]\na = { phonemes = 'a]b' }", "without brackets"),
        ("[patterns]\n'(' = 'b'", "patterns"),
        ("[patterns]\n'a' = '\\2'", "patterns"),
        ("words = 3", "must be tables"),
        ("[de.names]\na = 'b'", r"de\.names"),
    ],
)
def test_tables_that_are_wrong(tmp_path, table, says):
    (tmp_path / "x.toml").write_text(table)
    with pytest.raises(ConfigError, match=says):
        read(tmp_path / "x.toml")
