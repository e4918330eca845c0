"""The utterances of a text, without the steps between them."""

from collections.abc import Iterator
from typing import Any

from vivavoce.speech.plan import Utterance, planning


def plan(*what: Any, **how: Any) -> Iterator[Utterance]:
    return (each for each in planning(*what, **how) if each is not None)
