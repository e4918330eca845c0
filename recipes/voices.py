"""Make the list of Piper's voices and MMS' languages that names and licences are looked up in.

Reads Piper's voices.json and each voice's MODEL_CARD, and the page of MMS' languages. A voice whose
card cannot be read, or says no licence, is listed without one: nothing is guessed.

    python recipes/voices.py src/vivavoce/hub/voices.json
"""

from __future__ import annotations

import argparse
import html
import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PIPER = "https://huggingface.co/rhasspy/piper-voices/resolve/main"
MMS = "https://dl.fbaipublicfiles.com/mms/tts/all-tts-languages.html"
MMS_LICENCE = "CC-BY-NC-4.0"
CARD = "MODEL_CARD"
TIMEOUT_S = 30
_LICENCE = re.compile(r"^\W*licen[cs]e\s*:\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_ROW_ENDS = re.compile(r"</(?:p|tr|li|div)>|<br\s*/?>|\n", re.IGNORECASE)
_LANGUAGE = re.compile(r"([a-z]{3}(?:-[a-z_]+)?)\s+(\S.*)")


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
        return answer.read().decode("utf-8")


def piper(base: str) -> Iterator[dict[str, Any]]:
    """A row per voice; its licence as its card says it."""
    table = json.loads(read(f"{base}/voices.json"))
    for key, voice in sorted(table.items()):
        language, files = voice["language"], voice["files"]
        card = next((file for file in files if file.endswith(f"/{CARD}")), "")
        yield {
            "name": f"piper/{key}",
            "language": f"{language['name_english']} ({language['country_english']})",
            "licence": licence(f"{base}/{card}") if card else "",
            "size_mb": round(sum(file["size_bytes"] for file in files.values()) / 1e6),
            "speakers": int(voice["num_speakers"]),
        }


def licence(address: str) -> str:
    try:
        found = _LICENCE.search(read(address))
    except (urllib.error.URLError, UnicodeDecodeError) as error:
        print(f"{address}: {error}", file=sys.stderr)
        return ""
    return found[1] if found else ""


def mms(address: str) -> Iterator[dict[str, Any]]:
    """A row per language of a page that has a code and a name on each of its lines."""
    for line in _ROW_ENDS.split(read(address)):
        said = html.unescape(re.sub(r"<[^>]+>", " ", line)).strip()
        if found := _LANGUAGE.fullmatch(said):
            name = " ".join(found[2].split())
            yield {"name": f"mms/{found[1]}", "language": name, "licence": MMS_LICENCE}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--piper", default=PIPER, help="address of the voices' repository")
    parser.add_argument("--mms", default=MMS, help="address of the page of languages")
    given = parser.parse_args(arguments)
    rows = [*piper(given.piper), *mms(given.mms)]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    given.output.write_text(f'{{"voice": [\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{len(rows)} voices in {given.output}")


if __name__ == "__main__":
    main()
