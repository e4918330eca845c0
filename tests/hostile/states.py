"""Damaged training states, and folders that only look like one: the state before is taken."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.checkpoints.test_safetensors_file import MALFORMED
from tests.hostile.case import HostileFile

NEWEST = "step-00000009"


def cases() -> Iterator[HostileFile]:
    tensors, state = f"{NEWEST}/tensors.safetensors", f"{NEWEST}/state.json"
    valid = {"version": 1, "step": 9, "tensors_size": 8}
    texts = {
        "nothing": b"",
        "a list": b"[1]",
        "deep": b"[" * 9000,
        "a number": b"9" * 5000,
        "no version": b"{}",
        "sizes that are text": json.dumps(valid | {"tensors_size": "x"}).encode(),
        "a wrong checksum": json.dumps(valid | {"state_sha256": "0" * 64}).encode(),
        "a checksum that is a list": json.dumps(valid | {"state_sha256": [1]}).encode(),
        "not UTF-8": b'{"version": 1, "a": "\xff"}',
    }
    for kind, content in texts.items():
        yield HostileFile(f"state: {kind}", state, content, "state", "loads", base="state")
    for kind, content in MALFORMED.items():
        plain = json.dumps(valid | {"tensors_size": len(content)}).encode()
        yield HostileFile(
            f"state tensors: {kind}", tensors, content, "state", "loads", {state: plain}, "state"
        )
