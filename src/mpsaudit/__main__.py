"""`python -m mpsaudit`: audits callables, or looks up an operator or an error message.

Exit code 0: nothing above info was found; 1: something was, or the work failed; 2: usage error.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mpsaudit import MACOS, Answer, MpsAuditError, Report, audit, look_up, render_all

TARGET = re.compile(r"[\w.]+:[\w.]+")


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    reports: dict[str, Report] = {}
    answers: dict[str, Answer] = {}
    try:
        for target in options.target:
            if not TARGET.fullmatch(target):
                answers[target] = look_up(target, options.torch, options.macos or ())
                continue
            macos = options.macos or MACOS
            reports[target] = audit(
                target, torch=options.torch, macos=macos, strict=options.strict, inputs=target
            )
    except MpsAuditError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    if options.json:
        plain = {name: asdict(r) | {"clean": r.clean} for name, r in reports.items()}
        text = json.dumps(plain | {name: asdict(a) for name, a in answers.items()}, indent=2)
    else:
        pieces = [str(answer) for answer in answers.values()]
        text = "\n\n".join(pieces + ([render_all(reports)] if reports else []))
    _print(text)
    return 0 if all(report.clean for report in reports.values()) else 1


def _print(text: str) -> None:
    try:
        print(text, flush=True)  # noqa: T201
    except BrokenPipeError:  # the reader closed the pipe, and Python must not flush into it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mpsaudit",
        description="Check whether PyTorch code runs natively on Apple MPS. No Mac is needed.",
        epilog="Exit code 0: clean. 1: findings, or the code failed. 2: usage error.",
    )
    parser.add_argument(
        "target",
        nargs="+",
        help="module:callable (without arguments) to audit, or an operator (aten::mode) or error "
        "message to look up",
    )
    parser.add_argument("--torch", metavar="VERSION", help="operator table [default: installed]")
    parser.add_argument(
        "--macos", metavar="VERSION", action="append", help="repeatable [default: 15.5, 14.4]"
    )
    parser.add_argument(
        "--strict", action="store_true", help="run on a stand-in device (needs a C++ compiler)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
