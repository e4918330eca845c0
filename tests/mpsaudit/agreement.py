"""All of cases.py on the stand-in. Run as a script: prints {case: worst, operators, error}."""

import json
import sys
import warnings

import torch

from mpsaudit.calls import base_name
from mpsaudit.collector import Collector
from mpsaudit.device_standin import standin
from mpsaudit.findings import SEVERITIES
from mpsaudit.operator_table import load
from tests.mpsaudit.cases import CASES


def verdict(work, device):
    device.collector = Collector(device.table.version, (device.macos,))
    error = ""
    torch.manual_seed(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            work()
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    bad = [f for f in device.collector.findings() if f.severity != "info"]
    worst = "error" if error else min((f.severity for f in bad), key=SEVERITIES.index, default="")
    return {
        "worst": worst,
        "operators": sorted({base_name(f.operator) for f in bad}),
        "error": error,
    }


def main():
    device = standin(macos="15.5", collector=Collector(load().version, ("15.5",)))
    torch.set_default_device("mps")
    json.dump({name: verdict(work, device) for name, work in CASES.items()}, sys.stdout)


if __name__ == "__main__":
    main()
