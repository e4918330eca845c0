from __future__ import annotations

import pytest

from vivavoce.text.multilingual.czech import ordinal

CARDINALS = {20: "dvacet", 1200: "tisíc dvěstě", 2000: "dva tisíce", 15: "patnáct", 100: "sto"}


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "nultý"),
        (1, "první"),
        (19, "devatenáctý"),
        (20, "dvacátý"),
        (21, "dvacátý první"),
        (100, "stý"),
        (300, "třístý"),
        (120, "sto dvacátý"),
        (1234, "tisíc dvěstě třicátý čtvrtý"),
        (1000, "tisící"),
        (2000, "dvoutisící"),
        (2500, "dva tisíce pětistý"),
        (15_000, "patnáct tisící"),
        (1_000_000, "miliontý"),
    ],
)
def test_masculine_ordinals(n: int, words: str) -> None:
    assert ordinal(n, CARDINALS.__getitem__) == words
