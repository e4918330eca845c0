import pytest

from vivavoce.errors import ConfigError, TextError
from vivavoce.models.glow.text import GlowTextConfig, encode, n_tokens
from vivavoce.text import arpabet


def test_our_phonemes_are_normalised_first():
    tokens = encode(GlowTextConfig(), "It costs $3.")
    assert tokens.words == ("It", "costs", "three", "dollars")
    assert [tokens.word_starts[2], tokens.word_starts[3]] == [9, 9]
    assert encode(GlowTextConfig(normalise=False), "Nothing to do") == arpabet.encode(
        "Nothing to do"
    )
    assert max(tokens.ids) < n_tokens(GlowTextConfig())


def test_coquis_rules_come_with_its_configuration():
    block = {"characters": "abc", "punctuations": ". ", "pad": "_"}
    config = GlowTextConfig("coqui", coqui={"characters": block})
    assert n_tokens(config) == 6
    tokens = encode(config, "ab c.d")
    assert tokens.unknown == ("d",)
    with pytest.raises(TextError):
        encode(config, "xyz")


def test_the_table_belongs_to_its_kind():
    with pytest.raises(ConfigError, match="coqui"):
        GlowTextConfig("coqui")
    with pytest.raises(ConfigError, match="coqui"):
        GlowTextConfig("arpabet", coqui={})
