"""The list of public voices, made from a server on this machine, and what names then tell."""

import functools
import http.server
import json
import runpy
import threading
from pathlib import Path

import pytest

from vivavoce.hub import collections

RECIPE = Path(__file__).parents[2] / "recipes" / "voices.py"
CARD = "# Model card for toy (low)\n\n* Speakers: 1\n\n## Dataset\n\n* License: CC0\n"
PAGE = """<html><body><h1>Supported languages</h1>
<p> abi &emsp; Abidji </p><p> azj-script_latin &emsp; Azerbaijani, North </p>
<p>Iso code Name</p></body></html>"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):  # noqa: A002 - the base's name
        pass


def row(key: str, speakers: int, card: bool = True) -> dict:
    folder = f"en/en_US/{key}"
    files = {f"{folder}/{key}.onnx": {"size_bytes": 63_201_294}}
    files |= {f"{folder}/MODEL_CARD": {"size_bytes": 300}} if card else {}
    language = {"name_english": "English", "country_english": "United States"}
    return {"key": key, "language": language, "files": files, "num_speakers": speakers}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    site = tmp_path_factory.mktemp("site")
    voices = [
        row("en_US-toy-low", 1),
        row("en_US-many-medium", 904),
        row("en_US-bare-low", 1, False),
    ]
    (site / "voices.json").write_text(json.dumps({voice["key"]: voice for voice in voices}))
    (site / "en/en_US/en_US-toy-low").mkdir(parents=True)
    (site / "en/en_US/en_US-toy-low/MODEL_CARD").write_text(CARD)
    (site / "mms.html").write_text(PAGE)
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}"
        output = site / "made.json"
        run = runpy.run_path(str(RECIPE))["main"]
        run([str(output), "--piper", base, "--mms", f"{base}/mms.html"])
        server.shutdown()
        thread.join()
    return output


def test_what_is_listed(made):
    found = collections.listed(made)
    assert list(found) == [
        "piper/en_US-bare-low",
        "piper/en_US-many-medium",
        "piper/en_US-toy-low",
        "mms/abi",
        "mms/azj-script_latin",
    ]
    licences = [voice.licence for voice in found.values()]
    assert licences == ["", "", "CC0", "CC-BY-NC-4.0", "CC-BY-NC-4.0"]  # no card, no guess


def test_a_name_tells_licence_size_and_speakers(made):
    entry = collections.entry("piper/en_US-toy-low", made)
    assert entry is not None
    assert entry.licence == "CC0"
    assert entry.notes.startswith("English (United States), 63 MB. ")
    many = collections.entry("piper/en_US-many-medium", made)
    assert many is not None
    assert "904 speakers" in many.notes
    language = collections.entry("mms/azj-script_latin", made)
    assert language is not None
    assert language.licence == "CC-BY-NC-4.0"
    assert language.notes.startswith("Azerbaijani, North. ")


def test_a_voice_newer_than_the_list_is_found_all_the_same(made):
    entry = collections.entry("piper/de_DE-new-high", made)
    assert entry == collections.entry("piper/de_DE-new-high")
    assert collections.entry("piper/toy", made) is None


def test_names_that_are_none_lead_to_those_that_are(made):
    assert collections.advice("piper/toy", made) == "Did you mean piper/en_US-toy-low?"
    assert collections.advice("mms/Azerbaijani", made) == "Did you mean mms/azj-script_latin?"
    assert collections.advice("mms/german", made) == "Its voices are named like mms/deu."
