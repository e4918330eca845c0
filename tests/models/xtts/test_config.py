"""What cannot be is refused in words."""

from __future__ import annotations

import pytest

from vivavoce.errors import ConfigError
from vivavoce.models.xtts.config import XttsConfig, XttsOptions


def test_the_defaults_are_the_published_model():
    config = XttsConfig()
    assert config.code_rate == pytest.approx(21.53, abs=0.01)
    assert (config.text_tokens, config.code_tokens) == (6681, 1026)
    assert XttsOptions() == XttsOptions(temperature=0.75, top_k=50, top_p=0.85)


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 100, "heads": 3},
        {"depth": 0},
        {"stop_code": 1026},
        {"start_text": 9999},
        {"condition_chunk_s": 0.0},
    ],
)
def test_sizes_that_make_no_model(wrong):
    with pytest.raises(ConfigError):
        XttsConfig(**wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("top_k", -1),
        ("top_p", 0.0),
        ("repetition_penalty", 0.5),
        ("speed", 0.1),
        ("first_codes", 0),
        ("max_codes", -1),
    ],
)
def test_options_out_of_range_are_named(name, value):
    with pytest.raises(ConfigError, match=f"{name} is {value}"):
        XttsOptions(**{name: value})
