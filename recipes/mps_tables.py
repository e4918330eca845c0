"""Write the audit's operator tables from wheels of torch. Reads them; runs and installs nothing.

A macOS wheel gives the whole table, and the rule is checked against what its library registers.
Any other wheel has the same operator list; what runs silently on the CPU is then taken from the
table of the version before. Without a wheel the installed torch is read in that way.

    pip download torch==2.13.0 --no-deps --only-binary=:all: --platform macosx_14_0_arm64 \\
        --python-version 3.11 -d wheels
    python recipes/mps_tables.py wheels/torch-*.whl

Versions that are not named keep their table, and a table that says the same as the one that is
kept keeps its source. Nothing is written if a check fails.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import re
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

from mps_dylib import registered

from mpsaudit.operator_table import SHIPPED, Table, build, generate, load, versions
from mpsaudit.versions import number

YAML = "torchgen/packaged/ATen/native/native_functions.yaml"
DYLIB = "torch/lib/libtorch_cpu.dylib"
RAISES = {"_slow_conv2d_forward"}  # registered among the silent ones, but only to raise
ABOUT = (
    "Operators with a kernel on MPS, by torch version, each as its change of the one before. "
    "Written by recipes/mps_tables.py: `add` and `drop` from native_functions.yaml, `silent` "
    "(always on the CPU, with a warning) from what libtorch_cpu.dylib registers by hand, `python` "
    "from torch's Python files, `owned` are those that would decompose on other devices."
)


def read_wheel(path: Path) -> Table:
    """The table of one wheel; exits if the library registers other operators than the rule says."""
    version = path.name.split("-")[1].split("+")[0]
    with zipfile.ZipFile(path) as wheel:
        text = wheel.read(YAML).decode()
        python = {name for file in wheel.namelist() for name in python_kernels(wheel, file)}
        library = wheel.read(DYLIB) if DYLIB in wheel.namelist() else None
    source = f"{path.name}: native_functions.yaml, Python files"
    if library is None:
        before = [v for v in versions() if number(v) <= number(version)][-1]
        source += f"; silent as in {before}"
        return build(text, version, source, load(before).silent, python)
    generated, by_hand = registered(library)
    table = build(text, version, f"{source}, libtorch_cpu.dylib", by_hand - RAISES, python)
    if table.native != {f"aten::{name}" for name in generated}:
        both = sorted(table.native ^ {f"aten::{name}" for name in generated})
        sys.exit(f"{path.name}: the rule and the library disagree about {', '.join(both)}")
    return table


def read_installed() -> Table:
    """The table of the installed torch."""
    torch = importlib.metadata.distribution("torch")
    return generate(Path(str(torch.locate_file(YAML))), torch.version.split("+")[0])


def python_kernels(wheel: zipfile.ZipFile, file: str) -> set[str]:
    """Operators that a Python file of torch registers for MPS."""
    if not re.fullmatch(r"torch/(backends/mps|_refs)/.*\.py", file):
        return set()
    text = wheel.read(file).decode()
    names = re.findall(r'\.impl\(\s*"([\w.]+)",\s*\w+,\s*"MPS"', text)
    for library in re.findall(r'(\w+) = [\w.]*Library\("aten", "IMPL", "MPS"\)', text):
        names += re.findall(library + r'\.impl\(\s*"aten::([\w.]+)"', text)
    return set(names)


def write(tables: dict[str, Table]) -> None:
    """One line per operator, so that a new version reads as a list of what it brought."""
    entries, last = {}, frozenset()
    for version in sorted(tables, key=number):
        table = tables[version]
        names = {"add": table.native - last, "drop": last - table.native}
        names |= {field: getattr(table, field) for field in ("silent", "python", "owned")}
        plain = {k: sorted(n.removeprefix("aten::") for n in v) for k, v in names.items()}
        entries[version] = {"source": table.source, **plain}
        last = table.native
    text = json.dumps({"about": ABOUT, "versions": entries}, indent=0) + "\n"
    partial = SHIPPED.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(SHIPPED)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheels", nargs="*", type=Path)
    wheels = parser.parse_args().wheels
    tables = {version: load(version) for version in versions()}
    for table in map(read_wheel, wheels) if wheels else [read_installed()]:
        kept = tables.get(table.version)
        if kept is None or replace(table, source=kept.source) != kept:
            tables[table.version] = table
        print(f"{table.version}: {len(table.native)} native, silent {sorted(table.silent)}")
    write(tables)
    print(f"{SHIPPED.name}: {len(tables)} versions, {SHIPPED.stat().st_size} bytes")


if __name__ == "__main__":
    main()
