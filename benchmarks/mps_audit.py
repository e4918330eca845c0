"""Our audit on the reference implementations, in their own interpreters, and on our own models.

    python benchmarks/mps_audit.py --f5 PYTHON --coqui PYTHON --bigvgan FOLDER [--json FILE]

Prints Markdown: one row for each piece of work and verdict; engines and versions that agree share
it. The strict engine runs with the installed torch only; `*` marks the tables of others, hints.
Nothing is downloaded: models are small, weights random, inputs of real length. `--from FILE`
prints the table of an earlier `--json` again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SEVERITIES = ("error", "silent-cpu", "wrong-number")
VERDICTS = {
    "error": "would fail",
    "silent-cpu": "leaves the GPU",
    "wrong-number": "may be wrong",
    "": "nothing",
}
"""Said of the worst that was found; `info` does not count."""
HEADER = ("work", "engine", "torch", "macOS", "found", "operators", "worst findings")
SHOWN = 3
MACS_OWN = ("_mps_convolution", "_mps_convolution_transpose")
"""What the portable engine calls a convolution, as a Mac does."""
STRICT = (
    "F5-TTS v1: sample",
    "Vocos: decode",
    "BigVGAN v2: forward",
    "HiFi-GAN: inference, 3.2 s",
    "GlowTTS: inference",
    "GlowTTS: training step",
    "VITS: inference",
    "XTTS v2: conditioning latents",
    "XTTS v2: speaker embedding",
    "XTTS v2: GPT",
)
"""Run by both engines: these ask where they are, or mix devices."""


@dataclass(frozen=True)
class Row:
    """Engines and versions are those that agree; `operators` the least and the most reached."""

    work: str
    engine: tuple[str, ...]
    torch: tuple[str, ...]
    macos: tuple[str, ...]
    verdict: str
    operators: tuple[int, int]
    findings: str


def rows(results: list[dict[str, Any]]) -> list[Row]:
    """Each result once for every macOS; then those that say the same are joined."""
    single = [row(result, macos) for result in results for macos in (result.get("macos") or [""])]
    return joined(joined(single, "macos"), "torch", "engine")


def row(result: dict[str, Any], macos: str) -> Row:
    about = (result["work"], (result["engine"],))
    torch = result.get("torch", "").partition("+")[0] + ("*" if is_hint(result) else "")
    versions = ((torch,) if torch else (), (macos,) if macos else ())
    if "failed" in result:
        return Row(*about, *versions, "not audited", (0, 0), result["failed"])
    found = [f for f in result["findings"] if macos in f["macos"] and f["severity"] in SEVERITIES]
    worst = min((f["severity"] for f in found), key=SEVERITIES.index, default="")
    reached = (result["operators"],) * 2
    return Row(*about, *versions, VERDICTS[worst], reached, worst_of(found))


def is_hint(result: dict[str, Any]) -> bool:
    """Whether another torch than the installed one was meant."""
    return "hint" in result.get("table", "")


def worst_of(found: list[dict[str, Any]]) -> str:
    """The findings in words, worst first: each reason once, with its operators and first lines."""
    groups: dict[str, tuple[list[str], list[str]]] = {}
    for finding in sorted(found, key=lambda f: SEVERITIES.index(f["severity"])):
        operators, places = groups.setdefault(reason(finding), ([], []))
        for said, word in ((operators, short(finding["operator"])), (places, line_of(finding))):
            if word and word not in said:
                said.append(word)
    named = [
        f"`{'`, `'.join(operators)}` ({why}): {lines(places)}"
        for why, (operators, places) in groups.items()
    ]
    more = f"; and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return "; ".join(named[:SHOWN]) + more


def lines(places: list[str]) -> str:
    first = ", ".join(places[:2])
    return f"{first} and {len(places) - 2} more" if len(places) > 2 else first


def line_of(finding: dict[str, Any]) -> str:
    """`folder/file.py:12`, without the package that it is in."""
    return "/".join(finding["place"].partition(" in ")[0].split("/")[-2:])


def short(operator: str) -> str:
    name = operator.removeprefix("aten::").partition(".")[0]
    return "convolution" if name in MACS_OWN else name


def reason(finding: dict[str, Any]) -> str:
    words = finding["reason"].strip()
    if words.startswith("no kernel"):
        words = "no kernel"
    elif finding["severity"] == "silent-cpu":
        words = "on the CPU"
    elif "65536" in words:
        wrong = finding["severity"] == "wrong-number"
        words = "a side over 65,536" + (": wrong numbers" if wrong else "")
    return words.rstrip(".") + (", backward" if finding["backward"] else "")


def joined(given: list[Row], *fields: str) -> list[Row]:
    """Rows that differ in `fields` (and operators) alone become one, where the first was."""
    groups: dict[Row, list[Row]] = {}
    for one in given:
        key = replace(one, operators=(0, 0), **dict.fromkeys(fields, ()))
        groups.setdefault(key, []).append(one)
    return [
        replace(
            key,
            operators=(min(m.operators[0] for m in same), max(m.operators[1] for m in same)),
            **{f: tuple(dict.fromkeys(v for m in same for v in getattr(m, f))) for f in fields},
        )
        for key, same in groups.items()
    ]


def by_family(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Workloads `family.name` of one engine and torch as one result, findings together."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for result in results:
        family = result["work"].partition(".")[0]
        groups.setdefault((family, result["engine"], result.get("torch", "")), []).append(result)
    together = []
    for (family, *_), same in groups.items():
        answered = [result for result in same if "failed" not in result]
        together += [result for result in same if "failed" in result]
        if answered:
            findings = [f for result in answered for f in result["findings"]]
            reached = max(result["operators"] for result in answered)
            work = f"{family}: {len(answered)} workloads"
            together.append(
                {**answered[0], "work": work, "findings": findings, "operators": reached}
            )
    return together


def table(given: list[Row]) -> str:
    """As Markdown."""
    cells = [HEADER, ("---",) * len(HEADER)]
    for one in given:
        least, most = one.operators
        reached = f"{least}" if least == most else f"{least} to {most}"
        agreeing = [", ".join(field) for field in (one.engine, one.torch, one.macos)]
        reached = reached if most else ""
        cells.append((one.work, *agreeing, one.verdict, reached, one.findings))
    return "\n".join(f"| {' | '.join(c.replace('|', '/') for c in row)} |" for row in cells)


def ask(python: str, family: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every result of one family; what its process says otherwise goes to our standard error."""
    job = {
        "family": family,
        "src": str(ROOT / "src"),
        "bigvgan": str(options.bigvgan.resolve()) if family == "bigvgan" else "",
        "torch": ["", *(options.torch or ["2.8", "2.5.1", "2.3.1"])],
        "macos": options.macos or ["14.4", "15.5"],
        "strict": () if options.portable else STRICT,
        "only": options.only,
    }
    worker = Path(__file__).with_name("mps_audit_peers.py")
    found: list[dict[str, Any]] = []
    with subprocess.Popen(
        [python, str(worker), json.dumps(job)], stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout or ():
            found.append(json.loads(line))
            if "work" in found[-1]:
                done = found[-1]
                print(f"{done['work']}, {done['engine']}", file=sys.stderr)
    if process.returncode:
        print(f"{family}: ended with {process.returncode}", file=sys.stderr)
    return found


def show(found: list[dict[str, Any]]) -> str:
    """Versions, the peers' table, and ours."""
    said = [f"{one['family']}: {one['versions']}" for one in found if "versions" in one]
    results = [one for one in found if "work" in one]
    theirs = [one for one in results if one["family"] != "ours"]
    own = by_family([one for one in results if one["family"] == "ours"])
    counts = Counter(one.verdict for one in rows(theirs))
    return "\n\n".join(
        [*said, table(rows(theirs)), table(rows(own)), f"Rows of the peers: {dict(counts)}"]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--f5", help="the interpreter that has f5-tts")
    parser.add_argument("--coqui", help="the interpreter that has coqui-tts")
    parser.add_argument("--bigvgan", type=Path, help="a checkout; runs in the interpreter of --f5")
    parser.add_argument("--torch", action="append", help="beside the installed one; may repeat")
    parser.add_argument("--macos", action="append", help="may repeat")
    parser.add_argument("--portable", action="store_true", help="without the strict engine")
    parser.add_argument("--without-ours", action="store_true")
    parser.add_argument("--only", default="", help="works whose name has this")
    parser.add_argument("--json", type=Path, help="file for all results")
    parser.add_argument("--from", dest="earlier", type=Path, help="a file of --json")
    options = parser.parse_args()
    if options.earlier:
        print(show(json.loads(options.earlier.read_text(encoding="utf-8"))))
        return
    asked = [("f5", options.f5), ("coqui", options.coqui)]
    if options.bigvgan:
        asked.append(("bigvgan", options.f5 or sys.executable))
    if not options.without_ours:
        asked.append(("ours", sys.executable))
    found = [line for family, python in asked if python for line in ask(python, family, options)]
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(show(found))


if __name__ == "__main__":
    main()
