"""Rewriting keeps the source offset of every character."""

from __future__ import annotations

import re

from vivavoce.text.normalise.rewriter import Rewriter


def test_offsets_point_at_what_was_replaced() -> None:
    work = Rewriter("a 12 b")
    work.sub(re.compile(r"\d+"), "twelve")
    assert work.text == "a twelve b"
    assert work.origin == [0, 1, *[2] * 6, 4, 5]


def test_a_common_beginning_keeps_its_own_offsets() -> None:
    work = Rewriter("Henry IV.")
    work.sub(re.compile(r"Henry IV"), "Henry the fourth")
    assert work.origin[:6] == [0, 1, 2, 3, 4, 5]
    assert set(work.origin[6:-1]) == {6}
    assert work.origin[-1] == 8


def test_insertions_and_deletions() -> None:
    work = Rewriter("ab")
    work.sub(re.compile(r"(?<=a)(?=b)|\Z"), " ")
    assert (work.text, work.origin) == ("a b ", [0, 1, 1, 1])
    work.sub(re.compile(" "), "")
    assert (work.text, work.origin) == ("ab", [0, 1])


def test_none_leaves_the_match() -> None:
    work = Rewriter("1 22 3")
    work.sub(re.compile(r"\d+"), lambda m: None if len(m[0]) > 1 else "x")
    assert work.text == "x 22 x"


def test_steps_add_up() -> None:
    work = Rewriter("xx 5 kg")
    work.apply([(re.compile("kg"), "kilograms"), (re.compile("5 kilo"), "five kilo")])
    assert work.text == "xx five kilograms"
    assert work.text[work.origin.index(3) :].startswith("five")


def test_held_pieces_come_back() -> None:
    work = Rewriter("say <b 1> and <b 2> 3")
    work.hold(re.compile(r"<[^>]*>"))
    work.sub(re.compile(r"\d"), "N")
    work.release()
    assert work.text == "say <b 1> and <b 2> N"
    assert work.origin[4] == 4


def test_translate_single_characters() -> None:
    work = Rewriter("a-]^b")
    work.translate({"-": "", "]": "()", "^": " "})
    assert work.text == "a() b"
    assert Rewriter("").spoken().origin == ()
