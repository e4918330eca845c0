"""The page in headless Chromium: type, speak, see, download; by keyboard, narrow, for everybody.

Needs the package `playwright` and a Chromium: `CHROMIUM`, one on the path, or playwright's own.
`AXE` names axe-core's `axe.min.js` (`npm install axe-core`).
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from tests.serve.conftest import MEDIUM, SHORT

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ARGUMENTS = (
    *("--no-sandbox", "--autoplay-policy=no-user-gesture-required"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
)
WAIT_MS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        try:
            found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        except sync_api.Error as error:
            pytest.skip(f"no Chromium: {error.message.splitlines()[0]}")
        yield found
        found.close()


class Visit:
    """A page that is ready to speak, and everything it complained about or fetched."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.complaints, self.asked = page, [], []
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda m: m.type == "error" and self.complaints.append(m.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(address)
        page.wait_for_selector("[data-testid=voice] option", state="attached")

    def part(self, name: str) -> Any:
        return self.page.get_by_test_id(name)

    def state(self, name: str) -> None:
        """Wait for the status to be in this state."""
        self.page.wait_for_selector(f"[data-testid=status][data-state={name}]")

    def speak(self, text: str) -> None:
        self.part("text").fill(text)
        self.part("speak").click()

    def value(self, script: str) -> Any:
        return self.page.evaluate(script)


@pytest.fixture
def visit(browser: Any, server: Any) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1000, "height": 900})
    made = Visit(context.new_page(), server.base)
    yield made
    context.close()
    assert made.complaints == []
    assert all(url.startswith((server.base, "blob:")) for url in made.asked)


def painted(visit: Visit) -> int:
    """Colours of the spectrogram."""
    return visit.value(
        "(() => { const c = document.querySelector('[data-testid=spectrogram]');"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "const s = new Set(); for (let i = 0; i < d.length; i += 4)"
        "s.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]); return s.size; })()"
    )


def test_type_speak_see_and_download(visit: Visit, server: Any) -> None:
    before = painted(visit)
    visit.speak(MEDIUM)
    visit.state("playing")
    assert float(visit.part("status").get_attribute("data-first-audio-ms")) > 0
    visit.state("done")
    assert float(visit.value("window.vivavoce.peak")) > 0
    assert painted(visit) > before + 10
    words = visit.part("words").get_by_role("button").all_text_contents()
    assert words == MEDIUM.split()
    seconds = len(server.spoken(MEDIUM)) / server.tts.sample_rate
    for form in ("mp3", "wav", "opus"):
        visit.part("format").select_option(form)
        with visit.page.expect_download() as waiting:
            visit.part("download").click()
        assert waiting.value.suggested_filename.endswith(f".{form}")
        with av.open(io.BytesIO(Path(waiting.value.path()).read_bytes())) as file:
            heard = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
        assert heard == pytest.approx(seconds, abs=0.13)


def test_a_word_seeks(visit: Visit) -> None:
    visit.speak(MEDIUM)
    visit.state("done")
    word = visit.part("words").get_by_role("button").nth(10)
    word.click()
    visit.page.wait_for_selector("[data-testid=words] [aria-current]")
    visit.state("done")


def test_the_keyboard_is_enough(visit: Visit) -> None:
    visit.part("text").fill(" ".join([MEDIUM] * 8))
    visit.part("text").press("Control+Enter")
    visit.state("playing")
    visit.page.keyboard.press("Escape")
    visit.state("stopped")
    visit.part("text").focus()
    reached = set()
    for _ in range(30):
        visit.page.keyboard.press("Tab")
        reached.add(visit.value("document.activeElement.dataset.testid"))
    assert {"voice", "sample", "speed", "seed", "language", "speak", "format", "curl"} <= reached


def test_errors_are_shown_and_said(browser: Any, server: Any) -> None:
    context = browser.new_context()
    visit = Visit(context.new_page(), server.base)
    visit.speak("👍")
    visit.state("error")
    status = visit.part("status")
    assert "nothing to pronounce" in status.inner_text()
    assert status.get_attribute("aria-live") == "polite"
    visit.speak(SHORT)
    visit.state("done")
    context.close()


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_screen_needs_no_sideways_scrolling(browser: Any, server: Any, dark: bool) -> None:
    how = {"viewport": {"width": 320, "height": 700}, "color_scheme": "dark" if dark else "light"}
    context = browser.new_context(**how, reduced_motion="reduce")
    visit = Visit(context.new_page(), server.base)
    visit.speak(SHORT)
    visit.state("done")
    assert visit.value("document.documentElement.scrollWidth") <= 320
    small = (
        "[...document.querySelectorAll('button, input, select, textarea')].filter(e => {"
        "const r = e.getBoundingClientRect();"
        "return e.type !== 'checkbox' && r.width && (r.width < 24 || r.height < 24)})"
        ".map(e => e.id || e.textContent)"
    )
    assert visit.value(small) == []
    context.close()


def test_a_key_is_asked_for(browser: Any, start: Any) -> None:
    running = start(keys=(("alice", "secret"),))
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(running.base)
    page.get_by_test_id("key").fill("secret")
    page.get_by_test_id("key").press("Tab")
    page.wait_for_selector("[data-testid=voice] option", state="attached")
    page.get_by_test_id("text").fill(SHORT)
    page.get_by_test_id("speak").click()
    page.wait_for_selector("[data-testid=status][data-state=done]")
    assert "secret" not in page.evaluate("JSON.stringify(localStorage) + location.href")
    context.close()


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(browser: Any, server: Any, dark: bool) -> None:
    """Before and after speaking, with the part for own voices shown."""
    axe = os.environ.get("AXE")
    if not axe:
        pytest.skip("AXE names no axe.min.js")
    # The page's own policy forbids scripts of others, axe too.
    context = browser.new_context(bypass_csp=True, color_scheme="dark" if dark else "light")
    visit = Visit(context.new_page(), server.base)
    visit.value("document.getElementById('voices-section').hidden = false")
    visit.value(Path(axe).read_text(encoding="utf-8"))
    found = [visit.value("axe.run()")]
    visit.speak(SHORT)
    visit.state("done")
    found.append(visit.value("axe.run()"))
    told = [
        (problem["impact"], problem["id"], node["html"])
        for result in found
        for problem in result["violations"]
        for node in problem["nodes"]
    ]
    context.close()
    assert told == [], json.dumps(told, indent=1)
