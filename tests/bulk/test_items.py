"""Lists as people write them, and what is wrong with some of their lines."""

from __future__ import annotations

import pytest

from tests.bulk.lists import lines
from vivavoce.bulk.items import file_name, read
from vivavoce.bulk.planning import COST, WINDOW, Shard, batches
from vivavoce.bulk.work import BulkItem, Wrong
from vivavoce.errors import UsageError


def test_json_lines(tmp_path):
    (tmp_path / "t.txt").write_text("From a file.\n", encoding="utf-8")
    path = lines(
        tmp_path / "x.jsonl",
        [
            {"id": "a/b", "text": "One.", "speed": 2, "seed": 7, "options": {"steps": 4}},
            "",
            {"text": "Two.", "out": "sub/two", "ref": "me.wav"},
            {"id": 5, "text": "Three."},
            {"id": "f", "file": "t.txt"},
        ],
    )
    first, second, third, fourth = read(path)
    assert first == BulkItem("a/b", "One.", speed=2.0, seed=7, options={"steps": 4}, out="a%2Fb")
    assert (second.id, second.out, second.ref) == ("000003", "sub/two", str(tmp_path / "me.wav"))
    assert (third.id, fourth.text) == ("5", "From a file.\n")


def test_columns_of_a_table(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('id,text,speed\na,"One, two.",1.5\nb,Three.,\n', encoding="utf-8-sig")
    assert [(i.id, i.text, i.speed) for i in read(path)] == [
        ("a", "One, two.", 1.5),
        ("b", "Three.", 1.0),
    ]
    tabs = tmp_path / "x.tsv"
    tabs.write_text("text\tid\nOne, two.\ta\n", encoding="utf-8")
    assert [(i.id, i.text) for i in read(tabs)] == [("a", "One, two.")]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"id": "a"}', "has no text"),
        ('{"text": "x", "file": "y"}', "both text and file"),
        ('{"text": "x", "voise": "y"}', "'voise'"),
        ('{"text": "x", "speed": 0}', "speed is 0"),
        ('{"text": "x", "speed": "fast"}', "'speed'"),
        ('{"text": "x", "out": "../y"}', "outside"),
        ('{"text": "x", "out": "/etc/y"}', "outside"),
        ('{"text": "x", "out": "c:y"}', "outside"),
        ('{"file": "nothing.txt"}', "Cannot read"),
        ('{"id": "GOOD", "text": "x"}', "is also that of line 1"),
        ('{"id": "good", "text": "x", "out": "y"}', "The id 'good' is also that of line 1"),
        ('{"text": "\\ud800"}', "surrogate"),
        ('{"id": "' + "x" * 300 + '", "text": "x"}', "300 characters"),
    ],
)
def test_lines_that_are_wrong_do_not_end_the_list(tmp_path, line, says):
    path = lines(tmp_path / "x.jsonl", [{"id": "good", "text": "One."}, line, {"text": "Two."}])
    first, wrong, last = read(path)
    assert isinstance(first, BulkItem)
    assert isinstance(wrong, Wrong)
    assert wrong.line == 2
    assert says in wrong.reason
    assert isinstance(last, BulkItem)


def test_a_line_without_end(tmp_path):
    path = lines(tmp_path / "x.jsonl", ['{"text": "' + "x" * (1 << 20) + '"}', {"text": "Two."}])
    wrong, item = read(path)
    assert "longer than 1 MB" in wrong.reason
    assert item.text == "Two."


@pytest.mark.parametrize("name", ["x.txt", "nothing.jsonl"])
def test_no_list(tmp_path, name):
    (tmp_path / "x.txt").write_text("a")
    with pytest.raises(UsageError):
        list(read(tmp_path / name))


def test_a_table_without_texts(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="no column 'text'"):
        list(read(tmp_path / "x.csv"))


def test_ids_as_names_of_files():
    assert file_name("a b/ü") == "a%20b%2F%C3%BC"
    assert file_name("..") == "%2E%2E"
    assert file_name("x.1-2_3") == "x.1-2_3"


def test_batches_hold_texts_of_like_length_and_one_voice():
    items = [BulkItem(str(n), "x" * (1 + n * 37 % 90), voice="ab"[n % 2]) for n in range(40)]
    found = list(batches(items, 4))
    assert sorted(i.id for b in found for i in b.items) == sorted(i.id for i in items)
    assert {len(b.items) for b in found} == {4}
    assert all(len({i.voice for i in b.items}) == 1 for b in found)
    assert max(len(b.items[-1].text) - len(b.items[0].text) for b in found) <= 20
    assert [b.number for b in found] == list(range(10))


def test_long_texts_are_in_small_batches():
    items = [BulkItem(str(n), "x" * 2 * COST) for n in range(4)] + [BulkItem("9", "x" * 9 * COST)]
    assert [len(b.items) for b in batches(items, 4)] == [2, 2, 1]


def test_what_comes_later_does_not_change_the_first_batches():
    items = [BulkItem(f"{n:05}", "x" * (1 + n % 50)) for n in range(WINDOW + 5)]
    longer = [*items, BulkItem("z", "y" * 20)]
    count = WINDOW // 8
    assert list(batches(items, 8))[:count] == list(batches(longer, 8))[:count]


def test_shards_share_out_the_ids():
    ids = [f"u{n}" for n in range(200)]
    shards = [Shard.parse(f"{n}/3") for n in (1, 2, 3)]
    assert all(sum(shard.holds(name) for shard in shards) == 1 for name in ids)
    assert min(sum(map(shard.holds, ids)) for shard in shards) > 40
    for wrong in ("0/3", "4/3", "x", "1"):
        with pytest.raises(UsageError, match="shard"):
            Shard.parse(wrong)


def test_zero_is_an_id(tmp_path):
    path = lines(tmp_path / "x.jsonl", [{"id": 0, "text": "Zero."}, {"id": 1, "text": "One."}])
    assert [(item.id, item.out) for item in read(path)] == [("0", "0"), ("1", "1")]


def test_a_table_whose_first_line_is_no_csv(tmp_path):
    (tmp_path / "x.csv").write_text('"text"x,id\nOne,1\n', encoding="utf-8")
    with pytest.raises(UsageError, match="is not CSV"):
        list(read(tmp_path / "x.csv"))
