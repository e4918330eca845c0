"""Text as it is written -> text as it is said. `normalise` is the door; rules lie by topic."""

from vivavoce.text.normalise.pipeline import normalise

__all__ = ["normalise"]
