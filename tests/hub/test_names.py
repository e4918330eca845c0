import pytest

from vivavoce.hub.names import meant

KNOWN = ("Claribel Dervla", "Alma María", "Eugenio Mataracı", "Ana", "ana", "Ána", "Łukasz Øst")


@pytest.mark.parametrize("name", KNOWN)
def test_exactly_spelt_comes_first(name):
    assert meant(name, KNOWN) == name


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("claribel dervla", "Claribel Dervla"),
        ("CLARIBEL  DERVLA ", "Claribel Dervla"),
        ("alma maria", "Alma María"),
        ("Alma Mari\u0301a", "Alma María"),
        ("eugenio mataraci", "Eugenio Mataracı"),
        ("EUGENIO MATARACI", "Eugenio Mataracı"),
        ("lukasz ost", "Łukasz Øst"),
    ],
)
def test_capitals_and_accents_do_not_count(typed, found):
    assert meant(typed, KNOWN) == found


@pytest.mark.parametrize("typed", ["ANA", "Claribel", "ClaribelDervla", ""])
def test_what_is_ambiguous_or_less_means_nobody(typed):
    assert meant(typed, KNOWN) is None


def test_a_name_given_twice_is_one():
    assert meant("bob ray", ["Bob Ray", "Bob Ray"]) == "Bob Ray"
