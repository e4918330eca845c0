from __future__ import annotations

import pytest

from vivavoce.checkpoints.text_file import read_table, read_text
from vivavoce.errors import BadCheckpoint
from vivavoce.limits import Limits


def table(tmp_path, name, content, limits=None):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(file, limits or Limits())


def test_configurations_may_have_comments(tmp_path):
    text = '{\n  // a note\n  "url": "http://x.y"\n}'
    assert table(tmp_path, "c.json", text) == {"url": "http://x.y"}
    with pytest.raises(BadCheckpoint, match="not valid JSON"):
        table(tmp_path, "c.json", "{,}")
    with pytest.raises(BadCheckpoint, match="no settings"):
        table(tmp_path, "c.yaml", "- a\n- b\n")


def test_yaml_gives_plain_data(tmp_path):
    text = "base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}\n7: one\non: yes\nwhen: 2026-11-29\n"
    assert table(tmp_path, "c.yaml", text) == {
        "base": {"x": 1, "y": 2},
        "more": {"x": 1, "y": 3},
        "7": "one",
        "True": True,
        "when": "2026-11-29",
    }


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
MERGES = "a0: &a0 {k: 1}\n" + "".join(
    f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)
)
HOSTILE = {
    "deep.json": "[" * 9000,
    "deep but closed.json": '{"a":' * 150 + "1" + "}" * 150,
    "deep.yaml": "[" * 9000,
    "deep.toml": "a = " + "[" * 3000,
    "dotted.toml": "a." * 3000 + "a = 1",
    "quoted dots.toml": '"a" . ' * 3000 + "a = 1",
    "laughs.yaml": LAUGHS,
    "merges.yaml": MERGES,
    "loop.yaml": "a: &a [*a]",
    "number.json": '{"a": ' + "9" * 5000 + "}",
    "large.json": '{"a": 1' + "0" * 30 + "}",
    "number.yaml": "a: " + "1:" * 5000 + "1",
    "number.toml": "a = " + "9" * 5000,
    "surrogate.json": '{"a": "\\ud800"}',
    "surrogate key.json": '{"\\ud800": 1}',
    "surrogate.yaml": 'a: "\\ud800"',
    "latin.json": '{"a": "é"}'.encode("latin-1"),
    "code.yaml": "a: !!python/object/apply:os.system [true]",
    "set.yaml": "a: !!set {x, y}",
    "binary.yaml": "a: !!binary aGVsbG8=",
    "list key.yaml": "? [a]\n: 1",
    "wide.json": '{"a": [' + "1," * 1_000_001 + "1]}",
    "wide.yaml": "a: [" + "1," * 40_000 + "1]",
    "long.yaml": "a: " + "x" * (3 << 20),
    "nothing.json": "",
    "nothing.yaml": "",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_configurations_are_refused_with_their_name(tmp_path, name):
    with pytest.raises(BadCheckpoint, match=name) as error:
        table(tmp_path, name, HOSTILE[name])
    assert len(str(error.value)) < 1000


def test_limits_can_be_raised(tmp_path):
    small = Limits(bytes=400, objects=50)
    text = '{"a": [' + "1," * 60 + "1]}"
    with pytest.raises(BadCheckpoint, match="raise the limits"):
        table(tmp_path, "c.json", text, small)
    assert len(table(tmp_path, "c.json", text, small.times(4))["a"]) == 61


def test_texts(tmp_path):
    (tmp_path / "t").write_bytes(b"a\r\n\xef\xbb\xbf")
    assert read_text(tmp_path / "t") == "a\r\n\ufeff"
    (tmp_path / "t").write_bytes(b"\xff")
    with pytest.raises(BadCheckpoint, match="not UTF-8"):
        read_text(tmp_path / "t")
    with pytest.raises(BadCheckpoint, match="Check the path"):
        read_text(tmp_path / "none")
    (tmp_path / "t").write_bytes(b"12345")
    with pytest.raises(BadCheckpoint, match="more than 4 bytes"):
        read_text(tmp_path / "t", Limits(bytes=4))
