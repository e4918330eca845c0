"""`vivavoce doctor`: the machine as the package sees it, and whether the bundled voice works."""

from __future__ import annotations

from typing import Any

import typer

from vivavoce.cli.options import Device, Json
from vivavoce.cli.terminal import emit


def doctor(device: Device = "auto", as_json: Json = False) -> None:
    """Look at this machine.

    Exits with 1 if the bundled voice cannot speak on it.
    """
    from vivavoce.device import render, report
    from vivavoce.synthesis.bench import check_bundled
    from vivavoce.weights import cache

    facts: dict[str, Any] = report(device, cache.folder())
    facts["folders"] = {"models": str(cache.models()), "voices": str(cache.voices())}
    facts["bundled_voice"] = check_bundled(device)
    emit(facts, as_json, render)
    if "error" in facts["bundled_voice"]:
        raise typer.Exit(1)
