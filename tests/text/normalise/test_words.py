"""Abbreviations, acronyms, addresses, Roman numerals and symbols."""

from __future__ import annotations

from collections.abc import Callable

import pytest

CASES = [
    ("Vol. II, p. 5", "Volume two, page five"),
    ("Elizabeth II's reign", "Elizabeth the second's reign"),
    ("x² and 10³", "x squared and ten cubed"),
    ("C++, C#", "C plus plus, C sharp"),
    ("Dr. Smith lives on Elm Dr. in St. Louis.", "Doctor Smith lives on Elm Drive in Saint Louis."),
    ("St. Mary's Church on Main St. is old.", "Saint Mary's Church on Main Street is old."),
    ("Mr. and Mrs. Jones, Jr.", "Mister and Missus Jones, Junior."),
    ("Acme Inc. vs. Apex Ltd., etc.", "Acme Incorporated versus Apex Limited, et cetera."),
    ("e.g. this, i.e. that", "for example this, that is that"),
    ("No. 5 is here. No. It is not.", "Number five is here. No. It is not."),
    ("1211 E Arques Ave", "twelve eleven East Arques Avenue"),
    ("Santa Clara, CA 95051", "Santa Clara, California nine five zero five one"),
    ("The FBI, NASA and the U.S. agreed.", "The F B I, NASA and the U S agreed."),
    ("He left the U.S. The end.", "He left the U S. The end."),
    ("DVDs and the CEO's PDF", "D V D's and the C E O's P D F"),
    ("THE FOX IS ART", "THE FOX IS ART"),
    ("C. S. Lewis and John F. Kennedy", "C S Lewis and John F Kennedy"),
    ("Plan B. The end.", "Plan B. The end."),
    ("Henry VIII and World War II", "Henry the eighth and World War two"),
    ("Chapter IV, Rocky III", "Chapter four, Rocky three"),
    ("Sam and I, Malcolm X", "Sam and I, Malcolm X"),
    ("R&D & more", "R and D and more"),
    ("#win @bob", "hash win at bob"),
    ("50% off™", "fifty percent off"),
    ("upgrade/update", "upgrade slash update"),
    ("and/or he/she", "and or he or she"),
    ("a 401(k) plan", "a four oh one K plan"),
    ("**bold** `x`", "bold x"),
]


@pytest.mark.parametrize(("written", "said"), CASES)
def test_reading(check: Callable[[str, str], None], written: str, said: str) -> None:
    check(written, said)
