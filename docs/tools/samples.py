"""Run the commands of docs/audio/README.md: the audio samples of the README.

python docs/tools/samples.py
"""

import re
import shlex
from pathlib import Path

from vivavoce.cli import main

ROOT = Path(__file__).parents[2]


def commands() -> list[list[str]]:
    """The arguments of every `vivavoce` line of the page."""
    page = (ROOT / "docs" / "audio" / "README.md").read_text(encoding="utf-8")
    return [shlex.split(line) for line in re.findall(r"^vivavoce (.+)$", page, re.MULTILINE)]


if __name__ == "__main__":
    for arguments in commands():
        main([*arguments[:-1], str(ROOT / arguments[-1])])
