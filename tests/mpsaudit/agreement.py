"""All of cases.py on the stand-in. Run as a script: prints {case: worst, operators, error}."""

import json
import sys
import warnings

import torch

from mpsaudit.calls import base_name
from mpsaudit.device_standin import standin
from mpsaudit.findings import SEVERITIES
from tests.mpsaudit.cases import CASES


def verdict(work, found):
    found.clear()
    error = ""
    torch.manual_seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            work()
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    bad = [f for f in found if f.severity != "info"]
    worst = "error" if error else min((f.severity for f in bad), key=SEVERITIES.index, default="")
    return {
        "worst": worst,
        "operators": sorted({base_name(f.operator) for f in bad}),
        "error": error,
    }


def main():
    found = []
    standin(macos="15.5", record=found.append)
    torch.set_default_device("mps")
    json.dump({name: verdict(work, found) for name, work in CASES.items()}, sys.stdout)


if __name__ == "__main__":
    main()
