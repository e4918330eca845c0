"""How often English text normalisation says what a recorded test set expects, per category.

    python benchmarks/text_normalisation.py FOLDER [-v]

FOLDER holds NeMo text processing's English cases (`test_cases_*.txt`, `written~spoken` lines).
Both sides are compared in a canonical form: letters only, without case, punctuation, spaces and
hyphens ("F B I" equals "FBI"), and without "and" inside a number ("one hundred and five" equals
"one hundred five"). Where the same set lists several readings of one written form
(`test_cases_normalize_with_audio.txt`), each of them counts. `-v` prints every difference.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import defaultdict
from pathlib import Path

from vivavoce.text.normalise import normalise

AUDIO = "normalize_with_audio"
AND = re.compile(
    r"(?:(?<=hundred)|(?<=thousand)|(?<=illion)) and (?=[a-z-]*(?:one|two|three|four|five|six|"
    r"seven|eight|nine|ten|eleven|twelve|teen|ty)|zeroth|first|second|third|\w+ths?\b)"
)


def canonical(text: str) -> str:
    """Lower-case letters and digits only, without the "and" of numbers."""
    text = unicodedata.normalize("NFKC", text.lower()).replace("misses", "missus")
    text = AND.sub(" ", re.sub(r"[\s-]+", " ", text))
    return "".join(c for c in text if c.isalnum())


def read_cases(folder: Path) -> dict[str, list[tuple[str, list[str]]]]:
    """Category -> (written, acceptable readings)."""
    cases: dict[str, list[tuple[str, list[str]]]] = {}
    for file in sorted(folder.glob("test_cases_*.txt")):
        lines = file.read_text(encoding="utf-8").splitlines()
        name = file.stem.removeprefix("test_cases_")
        if name == AUDIO:
            cases[name] = _with_alternatives(lines)
        else:
            pairs = (line.partition("~") for line in lines if "~" in line)
            cases[name] = [(a, [b]) for a, _, b in pairs]
    return cases


def _with_alternatives(lines: list[str]) -> list[tuple[str, list[str]]]:
    cases: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("~"):
            cases.append((line.lstrip("~"), []))
        elif line.strip():
            cases[-1][1].append(line)
    return cases


def main(arguments: list[str]) -> None:
    verbose = "-v" in arguments
    folder = Path(next(a for a in arguments if a != "-v"))
    cases = read_cases(folder)
    alternatives: dict[str, list[str]] = defaultdict(list)
    for written, readings in cases.get(AUDIO, []):
        alternatives[written] += readings
    total = right = 0
    print(f"{'category':<26}{'cases':>6}{'exact':>7}{'score':>9}")
    for name, rows in cases.items():
        hits = 0
        for written, readings in rows:
            said = normalise(written).text
            wanted = {canonical(r) for r in readings + alternatives[written]}
            if canonical(said) in wanted:
                hits += 1
            elif verbose:
                print(f"   {written[:100]!r}\n      said   {said[:160]!r}")
                print(f"      wanted {readings[0][:160]!r}")
        print(f"{name:<26}{len(rows):>6}{hits:>7}{100 * hits / max(1, len(rows)):>8.1f}%")
        total, right = total + len(rows), right + hits
    print(f"{'all':<26}{total:>6}{right:>7}{100 * right / max(1, total):>8.1f}%")


if __name__ == "__main__":
    main(sys.argv[1:])
