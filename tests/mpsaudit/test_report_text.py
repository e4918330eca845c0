from __future__ import annotations

from dataclasses import replace

from mpsaudit import Finding, Report, render

CLEAN = Report("portable", "2.13.0", ("15.5", "14.4"), "shipped", "6 s of speech", 42)
FINDING = Finding(
    operator="aten::logspace", severity="error", reason="no kernel", shapes=((3, 4),),
    dtypes=("float32",), place="model.py:12 in forward", advice="10 ** torch.linspace(...)",
    count=3, macos=("14.4",),
)  # fmt: skip


def test_a_clean_verdict_promises_no_more_than_was_shown():
    text = render(CLEAN)
    for words in (
        "every operator reached with these inputs",
        "torch 2.13.0",
        "macOS 15.5 and macOS 14.4",
        "6 s of speech",
        "42",
        "portable",
        "shipped",
        "Not covered",
    ):
        assert words in text
    assert "prove" not in text.lower()
    assert "guarantee" not in text.lower()


def test_a_finding_says_what_where_how_often_and_what_instead():
    text = render(replace(CLEAN, findings=(FINDING,)))
    for words in (
        "error",
        "aten::logspace",
        "x3",
        "only macOS 14.4",
        "model.py:12 in forward",
        "no kernel",
        "[3, 4] float32",
        "use: 10 ** torch.linspace(...)",
        "NOT NATIVE: 1 ",
    ):
        assert words in text
    assert "has a native" not in text


def test_information_alone_is_clean():
    report = replace(CLEAN, findings=(replace(FINDING, severity="info", macos=CLEAN.macos),))
    assert report.clean
    text = render(report)
    assert "NOT NATIVE" not in text
    assert "only macOS" not in text


def test_many_tensors_are_counted():
    many = replace(FINDING, shapes=((1,),) * 9, dtypes=("float32",) * 9, backward=True)
    text = render(replace(CLEAN, findings=(many,)))
    assert "and 5 more" in text
    assert "(backward)" in text


def test_strict_does_not_send_people_to_strict():
    assert "--strict" in render(CLEAN)
    assert "--strict" not in render(replace(CLEAN, engine="strict"))
