"""What an audiobook promises, shown with the bundled voice on this machine.

  python -m benchmarks.books                              # a small book, about five minutes
  python -m benchmarks.books --only long --words 100000   # memory over a whole novel
  python -m benchmarks.books --only kills --kills 20 --json kills.json
  python -m benchmarks.books --only check --recogniser whisper-base/

kills     ended by SIGKILL at random times and run again: same bytes, nothing spoken twice
edit      one word changed: one passage is spoken, all others stay
places    chapter marks, subtitles and the first sound of many chapters (needs ffmpeg, ffprobe)
loudness  of the decoded files, by FFmpeg's ebur128
long      memory after a tenth and at the end
plan      1 MB of text, without torch
check     what a recogniser finds of faults in one passage of twenty (only where it is named)
Exit 1 if something does not hold.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.novels import novel, paragraph, short_chapters
from benchmarks.processes import Ended, digest, run, toy, written

NEAR_S, NEAR_LU, NEAR_DB = 0.05, 0.5, 0.3
MOST_MB, GROWTH = 900, 0.05
HEAD_S, CEILING_DB = 0.75, -3.0


def made(book: Path, output: Path, *more: str, **how: Any) -> Ended:
    ended = run(["book", str(book), "-o", str(output), "--json", *more], **how)
    if ended.code not in (0, -9):
        raise SystemExit(f"{book} was not made:\n{ended.said}")
    return ended


def kept(output: Path) -> int:
    """Passages that an interrupted run has left."""
    folder = output.with_name(f"{output.name}.unfinished")
    return sum(1 for _ in folder.glob("*/*.flac"))


def kills(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Each book is killed until it is complete; then the next is begun.

    A moment is drawn as a number of passages that are kept, and some time after that: so it does
    not depend on how busy the machine is. The last moments are those of putting together.
    """
    book = folder / "book.md"
    book.write_text(novel(given.words or 900, 3, seed=1))
    model = ["-m", given.model] if given.model else []
    whole = made(book, folder / "whole.m4b", *model)
    passages, wanted = whole.table["spoken"], digest(folder / "whole.m4b")
    draw, rows, books, equal, faults = random.Random(given.seed), [], 0, 0, []
    while len(rows) < given.kills:
        output = folder / f"killed-{books}.m4b"
        books += 1
        for _ in range(draw.randint(1, 5)):
            before = kept(output)
            goal, wait_s = draw.randint(before, passages), draw.uniform(0, whole.took_s / 8)
            made(book, output, *model, kill_when=_After(output, goal, wait_s))
            if output.exists():
                break
            rows.append({"at": goal, "kept": [before, kept(output)]})
            if kept(output) < max(before, goal):
                faults.append(f"{output.name}: {rows[-1]}")
        before = kept(output)
        if not output.exists() or before:
            spoken = made(book, output, *model).table["spoken"]
            if spoken != passages - before:
                faults.append(f"{output.name}: {before} were kept, {spoken} spoken")
        equal += digest(output) == wanted
        left = [path.name for path in folder.glob(f"*{output.stem}*") if path != output]
        faults += [f"{name} is left" for name in left]
    facts = {"passages": passages, "kills": len(rows), "books": books, "equal": equal}
    return facts | {"rows": rows, "faults": faults, "holds": equal == books and not faults}


class _After:
    """When so many passages are kept, and some seconds have passed since."""

    def __init__(self, output: Path, goal: int, wait_s: float) -> None:
        self._output, self._goal, self._wait_s = output, goal, wait_s
        self._since: float | None = None

    def __call__(self, passed: float) -> bool:
        if self._since is None and kept(self._output) >= self._goal:
            self._since = passed
        return self._since is not None and passed - self._since >= self._wait_s


def edit(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    book, store = folder / "edit.md", folder / "store"
    text = novel(given.words or 600, 3, seed=2)
    book.write_text(text)
    first = made(book, folder / "one.m4b", "--store", str(store)).table["spoken"]
    before = {path: digest(path) for path in store.glob("*/*.flac")}
    book.write_text(text.replace("the", "that", 1))
    again = made(book, folder / "two.m4b", "--store", str(store)).table["spoken"]
    same = all(digest(path) == value for path, value in before.items())
    return {"passages": first, "spoken": again, "holds": again == 1 and same}


def places(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """How far the first sound of a chapter is from where its mark says."""
    book, store = folder / "parts.md", str(folder / "parts")
    book.write_text(short_chapters(given.chapters))
    output = folder / "parts.m4b"
    table = made(book, output, "--store", store, "--subtitles", "srt").table
    marks = chapter_marks(output)
    samples, rate = decoded(output)
    starts = [float(mark["start_time"]) for mark in marks]
    ends = [*starts[1:], len(samples) / rate]
    worst = {"m4b": 0.0, "m4b against srt": 0.0}
    cues = seconds(output.with_suffix(".srt").read_text(), r"(\d+):(\d+):(\d+),(\d+) -->")
    for start, end in zip(starts, ends, strict=True):
        sound = start + first_sound(samples[round(start * rate) : round(end * rate)], rate)
        worst["m4b"] = max(worst["m4b"], abs(sound - start - HEAD_S))
        cue = min(cues, key=lambda at, sound=sound: abs(at - sound))
        worst["m4b against srt"] = max(worst["m4b against srt"], abs(cue - sound))
    few = ["--chapters", f"1-{min(10, given.chapters)}", "--store", store, "--subtitles", "lrc"]
    for kind in ("mp3", "opus", "flac"):
        made(book, folder / kind, "--format", kind, *few)
        worst[kind] = max(file_error(path) for path in sorted((folder / kind).glob(f"*.{kind}")))
    named = [mark["tags"]["title"] for mark in marks] == [c["title"] for c in table["chapters"]]
    facts = {"chapters": len(marks), "chpl": chpl_count(output), "worst_s": worst}
    return facts | {
        "holds": named and len(marks) == given.chapters and max(worst.values()) <= NEAR_S
    }


def file_error(path: Path) -> float:
    samples, rate = decoded(path)
    sound = first_sound(samples, rate)
    cue = seconds(path.with_suffix(".lrc").read_text(), r"\[()(\d+):(\d+)\.(\d+)\]")[0]
    return max(abs(sound - HEAD_S), abs(sound - cue))


def loudness(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    book, store = folder / "loud.md", str(folder / "loud")
    book.write_text(novel(given.words or 400, 2, seed=3))
    rows = {}
    for name, arguments, target, ceiling in (
        ("-20", ["-o", "loud-20.m4b"], -20.0, CEILING_DB),
        ("-28", ["-o", "loud-28.m4b", "--loudness", "-28"], -28.0, CEILING_DB),
        ("podcast", ["-o", "podcast.m4b", "--preset", "podcast"], -16.0, -1.0),
    ):
        output = folder / arguments[1]
        made(book, output, *arguments[2:], "--store", store)
        lufs, peak = ebur128(output)
        good = abs(lufs - target) <= NEAR_LU and peak <= ceiling + NEAR_DB
        rows[name] = {"lufs": lufs, "peak_db": peak, "holds": good}
    return rows | {"holds": all(row["holds"] for row in rows.values())}


def long(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Memory is that of the process; its numbers come from its progress on stderr."""
    words = given.words or 5_000
    book = folder / "long.md"
    book.write_text(novel(words, max(10, words // 2_500), seed=4))
    output, log = folder / "long.m4b", folder / "long.jsonl"
    more = ["--speed", str(given.speed), *(["-m", given.model] if given.model else [])]
    ended = made(book, output, *more, every_s=1.0, nice=10, log=log)
    shares = [(share_of(line), mb, at) for at, mb, line in ended.samples]
    speaking = [(share, mb, at) for share, mb, at in shares if share is not None]
    tenth = next(mb for share, mb, _ in speaking if share >= 10)
    last = max(share for share, _, _ in speaking)
    begun_last = next(at for share, _, at in speaking if share == last)
    after = [mb for _, mb, at in shares if at > begun_last and mb]
    growth = after[-1] / tenth - 1
    return {
        "words": words,
        "speech_s": ended.table["seconds"],
        "rss_mb": {"at 10 %": tenth, "last tenth and assembly": max(after), "end": after[-1]},
        "peak_mb": ended.peak_mb,
        "growth": growth,
        "took_s": ended.took_s,
        "cpu_s": ended.cpu_s,
        "holds": abs(growth) <= GROWTH and ended.peak_mb < MOST_MB,
    }


def share_of(line: str) -> int | None:
    found = re.search(r"\((\d+) %", line)
    return int(found[1]) if found else None


def plan(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    book = folder / "plan.md"
    book.write_text(novel(190_000, 60, seed=5))
    ended = run(["book", str(book), "--plan", "--json"])
    heavy = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "vivavoce", "book", str(book), "--plan"],
        capture_output=True,
        text=True,
        check=True,
    )
    torch = bool(re.search(r"\|\s+torch$", heavy.stderr, re.MULTILINE))
    size = book.stat().st_size
    return {"bytes": size, "cpu_s": ended.cpu_s, "torch": torch, "holds": not torch}


def check(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Passages of one sentence, judged as `book --check` judges them."""
    import numpy as np

    from vivavoce.book.checking import Check
    from vivavoce.speech.load import load
    from vivavoce.speech.transcribe import default_transcriber
    from vivavoce.types import Audio

    draw, noise = random.Random(given.seed), np.random.default_rng(given.seed)
    texts = [paragraph(draw, 1) for _ in range(given.passages)]
    spoken = load(given.model, device="cpu").batch(texts)
    judge = Check(default_transcriber(given.recogniser))
    found: dict[str, str] = {}
    alarms: list[str] = []
    for number, text in enumerate(texts):
        samples, rate = spoken[number].samples, spoken[number].sample_rate
        faults = {
            "cut": samples[: len(samples) // 2],
            "twice": np.tile(samples, 2),
            "silent": 0 * samples,
            "noise": 0.1 * noise.standard_normal(len(samples)).astype("f4"),
            "another text": spoken[number - 1].samples,
        }
        fault = list(faults)[number // 20 % 5] if number % 20 == 10 else ""
        audio = Audio(faults[fault] if fault else samples, rate)
        problem = judge.verdict(text, audio, "en").problem
        if fault:
            found[f"{number}: {fault}"] = problem
        elif problem:
            alarms.append(f"{text} {problem}")
    caught = sum(map(bool, found.values()))
    good = caught >= 0.9 * len(found) and len(alarms) <= 0.02 * (len(texts) - len(found))
    facts = {"passages": len(texts), "planted": len(found), "found": caught}
    return facts | {"faults": found, "false_alarms": alarms, "holds": good}


def chapter_marks(path: Path) -> list[dict[str, Any]]:
    command = ["ffprobe", "-v", "error", "-show_chapters", "-of", "json", str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["chapters"]


def chpl_count(path: Path) -> int:
    """Chapters of Nero's list, which holds 255."""
    data = path.read_bytes()
    place = data.index(b"chpl")
    return data[place + 4 + 8]


def decoded(path: Path) -> tuple[Any, int]:
    import numpy as np

    rate = 24_000
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a", "-ac", "1", "-ar"]
    command += [str(rate), "-f", "f32le", "-"]
    return np.frombuffer(
        subprocess.run(command, capture_output=True, check=True).stdout, "f4"
    ), rate


def first_sound(samples: Any, rate: int) -> float:
    """Seconds to where speech begins: a hundredth of the largest sample."""
    import numpy as np

    return int(np.argmax(np.abs(samples) > 0.02 * np.abs(samples).max())) / rate


def ebur128(path: Path) -> tuple[float, float]:
    """LUFS and the true peak in dB."""
    command = ["ffmpeg", "-nostats", "-i", str(path), "-map", "0:a"]
    command += ["-af", "ebur128=peak=true", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    summary = said[said.rindex("Summary:") :]
    found = [re.search(rf"{name}:\s+(-?[\d.]+)", summary) for name in ("I", "Peak")]
    return tuple(float(each[1]) for each in found if each)


def seconds(text: str, pattern: str) -> list[float]:
    """The times of subtitles: hours, minutes, seconds and a fraction."""
    return [
        3600 * int(h or 0) + 60 * int(m) + int(s) + float(f"0.{part}")
        for h, m, s, part in re.findall(pattern, text)
    ]


SECTIONS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    each.__name__: each for each in (plan, edit, places, loudness, kills, long, check)
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    usual = [name for name in SECTIONS if name != "check"]
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=usual)
    parser.add_argument("--words", type=int, help="of the book; each section has its own default")
    parser.add_argument("--model", help="of the long book; `toy` has random weights")
    parser.add_argument("--speed", type=float, default=1.0, help="of the long book")
    parser.add_argument("--chapters", type=int, default=300)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--passages", type=int, default=200, help="that are checked")
    parser.add_argument("--recogniser", help="of faster-whisper: a folder or a name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to work; kept afterwards")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if given.model == "toy":
            given.model = toy(folder)
        found = {name: SECTIONS[name](folder, given) for name in given.only}
    written(found, given.json)
    return 0 if all(each["holds"] for each in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
