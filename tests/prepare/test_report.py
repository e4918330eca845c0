"""The page as a browser without network sees it."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser
from pathlib import Path

import pytest
import soundfile

from tests.prepare import sets
from tests.prepare.test_pipeline import hostile
from vivavoce import data
from vivavoce.data.report.charts import Threshold, histogram

VOID = {"meta", "img", "br"}
EVIL = "<script>alert('x')</script> & “quotes” \u202e"


class Page(HTMLParser):
    """Tags with their attributes, the text, and whether every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> data.Prepared:
    folder = tmp_path_factory.mktemp("report")
    source = hostile(folder / "in")
    sets.sentences(source, 0)
    (source / "metadata.csv").unlink()
    for i, text in enumerate(sets.SENTENCES):
        sets.write(source / f"extra {i}.wav", sets.said(text, 20 + i))
        (source / f"extra {i}.txt").write_text(text)
    sets.write(source / "evil <b>.wav", sets.said(EVIL, 30))
    (source / "evil <b>.txt").write_text(EVIL, encoding="utf-8")
    return data.prepare(source, folder / "out", transcriber=None, workers=1)


@pytest.fixture(scope="module")
def page(result: data.Prepared) -> Page:
    assert result.report == result.folder / "report.html"
    return Page(result.report.read_text(encoding="utf-8"))


def test_the_page_is_well_formed_and_described(page: Page) -> None:
    assert page.open == []
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    assert all(picture.get("alt") for picture in page.all("img"))
    assert all(picture.get("aria-label") for picture in page.all("svg"))
    assert all(cell.get("scope") == "col" for cell in page.all("th"))


def test_the_page_loads_nothing(page: Page) -> None:
    sources = [a["src"] or "" for _, a in page.tags if "src" in a]
    assert sources
    assert all(source.startswith(("data:image/png", "data:audio/mpeg")) for source in sources)
    for tag in ("script", "link", "iframe", "object", "form"):
        assert page.all(tag) == []
    assert not any(name.startswith("on") for _, a in page.tags for name in a)
    policy = next(a["content"] for a in page.all("meta") if "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_everything_that_was_left_out_is_there_with_its_reason(
    page: Page, result: data.Prepared
) -> None:
    assert len(result.rejected) >= 18
    for one in result.rejected:
        assert one.source in page.text
        assert one.problem.name in page.text
        assert one.problem.remedy in page.text


def test_texts_and_names_are_text(page: Page) -> None:
    assert "<script>alert('x')</script> & “quotes” " in page.text
    assert "evil <b>.wav" in page.text
    assert "\u202e" not in page.text


def test_the_players_play_what_is_in_the_set(page: Page) -> None:
    sounds = [a["src"] or "" for a in page.all("audio")]
    assert len(sounds) >= 10
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(sounds[0].partition(",")[2])))
    assert rate == sets.RATE
    assert len(samples) > rate


def test_a_set_of_which_nothing_is_left_has_a_page(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.wav").touch()
    result = data.prepare(tmp_path / "in", tmp_path / "out", transcriber=None)
    assert result.report is not None
    found = Page(result.report.read_text(encoding="utf-8"))
    assert "too little to train on" in found.text
    assert "0 bytes" in found.text


def test_a_histogram_of_equal_values_and_of_none() -> None:
    chart = Page(
        histogram("Length", "s", [3.0] * 9, [Threshold(3.0, "limit"), Threshold(99.0, "far")])
    )
    assert len(chart.all("rect")) == 1
    assert len([a for a in chart.all("line") if a.get("class") == "mark"]) == 1
    assert histogram("Length", "s", []) == ""
