"""What an evaluation promises, shown on this machine.

  python -m benchmarks.evaluation --only words                          # needs jiwer
  python -m benchmarks.evaluation --only gate --dnsmos sig_bak_ovr.onnx --recogniser whisper:FOLDER
  python -m benchmarks.evaluation --only page --browser chromium --screenshot page.png

words  our word and character errors beside jiwer's, on random pairs
gate   a model with perturbed weights fails, the same model with another seed does not
page   the report opens in a browser that reaches nothing, and stays small
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

import numpy as np

from benchmarks.novels import SENTENCES, paragraph
from benchmarks.processes import written
from vivavoce.audio import io
from vivavoce.evaluate import evaluate, page, read_list
from vivavoce.evaluate.recognisers import find
from vivavoce.evaluate.scorers import Dnsmos
from vivavoce.text.distance import compare
from vivavoce.types import Audio

WORST = {"ovrl": "ovrl<baseline-0.2", "wer": "wer>baseline+0.05"}
MOST_BYTES = 5 << 20
ITEMS = 100


def words(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    import jiwer

    draw, different = random.Random(given.seed), []
    vocabulary = ["a", "the", "mill", "river", "Don't", "it's", "über", "42", "x", "y", "z"]
    for _ in range(given.pairs):
        said = draw.choices(vocabulary, k=draw.randint(1, 30))
        heard = [w for w in said if draw.random() > 0.2]
        for _ in range(draw.randint(0, 4)):
            heard.insert(draw.randint(0, len(heard)), draw.choice(vocabulary))
        theirs = jiwer.process_words(" ".join(said), " ".join(heard))
        ours, letters = compare(said, heard), compare(" ".join(said), " ".join(heard))
        cer = jiwer.cer(" ".join(said), " ".join(heard))
        counts = theirs.substitutions + theirs.deletions + theirs.insertions
        if (ours.errors, ours.rate) != (counts, theirs.wer) or letters.rate != cer:
            different.append([said, heard])
    return {"pairs": given.pairs, "different": different[:3], "holds": not different}


def gate(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    import torch

    from vivavoce.speech.load import load

    draw = random.Random(given.seed)
    lines = [f's{n},"{paragraph(draw, 1)}"' for n in range(given.sentences)]
    (folder / "x.csv").write_text("id,text\n" + "\n".join(lines) + "\n")
    listed = read_list(folder / "x.csv")
    judges: dict[str, Any] = {"recogniser": None, "scorers": []}
    if given.recogniser:
        judges["recogniser"] = find(given.recogniser, "ours")
    if given.dnsmos:
        judges["scorers"] = [Dnsmos(given.dnsmos)]
    chosen = ["ovrl"] * bool(given.dnsmos) + ["wer"] * bool(given.recogniser)
    if not chosen:
        raise SystemExit("Give --dnsmos or --recogniser.")
    how: dict[str, Any] = {**judges, "conditions": [WORST[name] for name in chosen]}
    tts = load(given.model, device="cpu")
    base = evaluate(listed, folder / "base", tts=tts, **judges)
    how["against"] = folder / "base" / "report.json"
    other = evaluate(listed, folder / "seed", tts=tts, seeds=(1,), **how)
    torch.manual_seed(given.seed)
    with torch.no_grad():
        for weight in tts.model.parameters():
            weight.mul_(1 + given.perturbed * torch.randn_like(weight))
    worse = evaluate(listed, folder / "worse", tts=tts, **how)
    table = {
        name: {metric: made.results[metric].value for metric in chosen}
        for name, made in {"base": base, "other seed": other, "perturbed": worse}.items()
    }
    failures = {"other seed": other.failures, "perturbed": worse.failures}
    return {
        "sentences": given.sentences,
        "results": table,
        "failures": failures,
        "holds": bool(worse.failures) and not other.failures,
    }


def page_(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """A report of a hundred recordings; the browser resolves no name at all."""
    draw, rate = np.random.default_rng(given.seed), 24_000
    (folder / "audio").mkdir()
    texts = {f"s{n:03}": SENTENCES[n % 9].replace("{", "<").replace("}", ">") for n in range(ITEMS)}
    for name in texts:
        samples = 0.1 * draw.standard_normal(rate) * np.hanning(rate)
        io.write(folder / "audio" / f"{name}.flac", Audio(samples.astype(np.float32), rate))
    rows = [f'{name},"{text}"' for name, text in texts.items()]
    (folder / "p.csv").write_text("id,text\n" + "\n".join(rows) + "\n")
    heard = [f"{name}\t{text.replace('the', 'a')}" for name, text in texts.items()]
    (folder / "heard.tsv").write_text("\n".join(heard) + "\n")
    listener = find(f"transcripts:{folder / 'heard.tsv'}", "ours")
    made = evaluate(
        read_list(folder / "p.csv"), folder / "out", recogniser=listener,
        recordings=folder / "audio",
    )  # fmt: skip
    path = folder / "report.html"
    page.write(path, made)
    written_page = path.read_text()
    outside = re.findall(r"(?:src|href)=[\"']?(?:https?:)?//[^\"' >]+", written_page)
    facts: dict[str, Any] = {"bytes": path.stat().st_size, "outside": outside}
    holds = not outside and facts["bytes"] <= MOST_BYTES
    if given.browser:
        facts |= shown(path, given)
        holds = holds and facts["rows"] == ITEMS and facts["screenshot_bytes"] > 10_000
    return facts | {"holds": holds}


def shown(path: Path, given: argparse.Namespace) -> dict[str, Any]:
    target = (given.screenshot or path.with_suffix(".png")).absolute()
    command = [given.browser, "--headless", "--no-sandbox", "--disable-gpu"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={path.parent / 'user'}"]
    picture = [f"--screenshot={target}", "--window-size=1200,1600", path.as_uri()]
    subprocess.run([*command, *picture], check=True, capture_output=True, timeout=300)
    dumped = subprocess.run(
        [*command, "--dump-dom", path.as_uri()],
        check=True, capture_output=True, text=True, timeout=300,
    ).stdout  # fmt: skip
    table = dumped[dumped.index('id="all"') :]
    rows = table.count("<tr") - 1
    return {"rows": rows, "screenshot_bytes": target.stat().st_size}


SECTIONS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    "words": words,
    "gate": gate,
    "page": page_,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--pairs", type=int, default=1_000)
    parser.add_argument("--sentences", type=int, default=8)
    parser.add_argument("--model", default="kathleen", help="one that draws noise")
    parser.add_argument("--perturbed", type=float, default=0.3, help="share of each weight")
    parser.add_argument("--dnsmos", type=Path)
    parser.add_argument("--recogniser", metavar="KIND:PATH")
    parser.add_argument("--browser", metavar="PROGRAM")
    parser.add_argument("--screenshot", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        found = {name: SECTIONS[name](Path(temporary), given) for name in given.only}
    written(json.loads(json.dumps(found)), given.json)
    return 0 if all(each["holds"] for each in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
