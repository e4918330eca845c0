from __future__ import annotations

import pytest

from mpsaudit.errors import UsageError
from mpsaudit.versions import check_macos, number, span_in_words, within


@pytest.mark.parametrize(
    ("version", "parts"),
    [
        ("2.13.0+cpu", (2, 13, 0)),
        ("2.16.0a0+git1", (2, 16, 0)),
        ("15.5", (15, 5, 0)),
        ("14", (14, 0, 0)),
    ],
)
def test_numbers(version, parts):
    assert number(version) == parts


def test_versions_compare_as_numbers_not_as_text():
    assert number("2.9.1") < number("2.10.0")
    assert number("15.0") == number("15") < number("15.1")


@pytest.mark.parametrize("version", ["", "sequoia", "v2.8", ".5"])
def test_what_is_no_version(version):
    with pytest.raises(UsageError, match="not a version"):
        number(version)


@pytest.mark.parametrize("version", ["11.7", "16.0", "99", "sequoia", "15.5 beta", "15.5.1.2"])
def test_an_unknown_macos_names_the_known(version):
    with pytest.raises(UsageError, match="12, 13, 14, 15, 26, 27"):
        check_macos(version)


def test_a_known_macos_is_returned():
    assert [check_macos(v) for v in ("14", "14.4", "15.5", "26.3.1")] == [
        *("14", "14.4", "15.5", "26.3.1")
    ]


def test_spans_are_half_open():
    assert within("2.8.1", ("2.7", "2.9"))
    assert not within("2.9.0", ("2.7", "2.9"))
    assert within("26.2", ("26.2", "26.3"))
    assert not within("26.3", ("26.2", "26.3"))
    assert within("1.0", ("", ""))


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (("", ""), "every torch"),
        (("2.6", ""), "torch 2.6 and newer"),
        (("", "2.5"), "torch before 2.5"),
        (("2.8", "2.9"), "torch 2.8 to before 2.9"),
    ],
)
def test_spans_in_words(span, words):
    assert span_in_words("torch", span) == words
