"""Every written case, in child processes: refused with a typed error or loaded, never run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.hostile import run
from tests.hostile.case import HostileFile

ROOT = Path(__file__).parents[2]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_written_case_is_right():
    """`make attack` adds thousands of mutations, and reads each in a process of its own."""
    done = python("-m", "tests.hostile.run", "--together", "100")
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert found["faults"] == []
    assert found["cases"] >= 500
    assert done.returncode == 0


def test_the_names_of_cases_differ():
    ids = [case.id for case in run.written_cases()]
    assert len(ids) == len(set(ids))
    assert set(ids) > run.COSTLY


CODE = {
    "runs a program": "import os; os.system('true')",
    "raises what is not ours": "raise KeyError('a')",
    "takes all memory": "x = bytearray(600 << 20); x[::4096] = b'1' * len(x[::4096])",
    "takes all time": "while True: pass",
    "dies": "import os; os.kill(os.getpid(), 9)",
    "says escapes": (
        "from vivavoce.errors import BadCheckpoint as B\n"
        "raise type('C', (B,), {'__str__': lambda self: chr(27)})('x')"
    ),
    "writes the canary": "from tests.hostile.case import CANARY_PATH as c; open(c, 'w').close()",
    "loads": "pass",
}


PROGRAM = """
import json, sys
from pathlib import Path
from tests.hostile import reader
from tests.hostile.case import CANARY_PATH, HostileFile

reader.SECONDS = 1
empty, faults = Path(sys.argv[1]), {}
reader.LOADERS["bad"] = lambda path: exec(path.read_text())
with reader.reader(together=3) as reads:
    for kind, code in json.loads(sys.argv[2]).items():
        for name, text, expected in (("good", "pass", "loads"), (kind, code, "refused")):
            case = HostileFile(name, name, text.encode(), "bad", expected)
            result = reads.read(case, empty / name, empty / "honest")
            faults[name] = faults.get(name, "") + result.fault
        Path(CANARY_PATH.decode()).unlink(missing_ok=True)
print(json.dumps(faults))
"""


def test_the_runner_notices_what_a_bad_loader_does_and_blames_no_other(tmp_path):
    done = python("-c", PROGRAM, str(tmp_path), json.dumps(CODE))
    assert done.stdout, done.stderr
    faults = json.loads(done.stdout)
    assert faults.pop("good") == ""
    assert faults.keys() == CODE.keys()
    assert all(faults.values()), faults


def test_a_process_that_is_killed_at_any_rename_leaves_the_old_or_the_new():
    done = python("-m", "tests.hostile.kill")
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert {name: result["wrong"] for name, result in found.items() if result["wrong"]} == {}
    # Every operation makes a folder, gives a name and removes the folder at the least.
    assert min(result["moments"] for result in found.values()) >= 3
    assert done.returncode == 0


def test_a_case_that_loads_is_no_fault_where_that_is_expected(tmp_path):
    case = HostileFile("x", "x.json", b"{}", "cache", "loads")
    assert case.write(tmp_path, tmp_path).read_bytes() == b"{}"
