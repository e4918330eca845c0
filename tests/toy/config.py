"""The options of the toy, where the registry looks for them."""

from tests.toy import OPTIONS

__all__ = ["OPTIONS"]
