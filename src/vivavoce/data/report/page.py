"""The report: one HTML file that needs no network and no other file."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from pathlib import Path

from vivavoce import files
from vivavoce.data.report import sections
from vivavoce.data.report.players import players
from vivavoce.data.report.style import STYLE
from vivavoce.data.results import REPORT, Prepared
from vivavoce.errors import printable
from vivavoce.types import OnProgress

POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
"""What the page may load: nothing but what is in it. No script runs."""


def write(result: Prepared, path: Path | None, on_progress: OnProgress) -> Prepared:
    """Write the report and say where it is. Raises OutputError."""
    target = path or result.folder / REPORT
    on_progress(0, 1, "report")
    files.write_text(target, html(result))
    on_progress(1, 1, "report")
    return replace(result, report=target)


def html(result: Prepared) -> str:
    """The page. Texts and names of the user's files are escaped, their controls spelt out."""
    shown = sections.chosen(result)
    sounds = players(shown.values())
    title = f"Data for training: {result.folder.name}"
    body = [
        sections.heading(title, result),
        sections.tiles(result),
        sections.advice(result),
        sections.reasons(result),
        sections.histograms(result),
        sections.examples(result, sounds),
        sections.left_out(result, sounds),
        sections.to_check(result, sounds),
        sections.symbols(result),
        sections.settings(result),
    ]
    return printable(
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main></body></html>\n"
    )
