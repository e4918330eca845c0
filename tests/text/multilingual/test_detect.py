from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from vivavoce.errors import MissingExtra
from vivavoce.text.multilingual import detect as module
from vivavoce.text.multilingual.detect import detect


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    module._detector.cache_clear()


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lingua", None)
    with pytest.raises(MissingExtra, match=r"vivavoce\[auto\]"):
        detect("Guten Morgen")


def test_only_the_known_languages_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    answers = {"guten tag": SimpleNamespace(name="GERMAN"), "你好": SimpleNamespace(name="CHINESE")}
    detector = SimpleNamespace(detect_language_of=answers.get)

    def from_languages(*languages: str) -> SimpleNamespace:
        asked.extend(languages)
        return SimpleNamespace(build=lambda: detector)

    languages = SimpleNamespace(ENGLISH="ENGLISH", GERMAN="GERMAN", CHINESE="CHINESE")
    builder = SimpleNamespace(from_languages=from_languages)
    fake = SimpleNamespace(Language=languages, LanguageDetectorBuilder=builder)
    monkeypatch.setitem(sys.modules, "lingua", fake)
    known = ("en", "de", "zh-cn")
    assert [detect(text, known) for text in ("guten tag", "你好", "123")] == ["de", "zh-cn", "en"]
    assert asked == ["ENGLISH", "GERMAN", "CHINESE"]
    assert detect("guten tag", ("en",)) == "en"
    module._detector.cache_clear()


def test_the_library() -> None:
    pytest.importorskip("lingua")
    known = ("de", "en", "ja", "zh-cn")
    texts = ("Guten Morgen, wie geht es dir?", "Good morning", "今日は良い天気", "今天天气很好")
    assert [detect(text, known) for text in texts] == ["de", "en", "ja", "zh-cn"]
