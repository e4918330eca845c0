"""The errors that mpsaudit raises on purpose: what was wrong, and what to do about it."""

from __future__ import annotations


class MpsAuditError(Exception):
    """Base class. `advice` says what to do next and is part of `str(error)`.

    `exit_code` is what `python -m mpsaudit` returns: 2 for a request that can be corrected, 1 for
    a failure.
    """

    exit_code = 1

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class UsageError(MpsAuditError):
    """An unknown version, a target that cannot be imported, a message that is not recognised."""

    exit_code = 2


class StandInUnavailable(UsageError):
    """The stand-in device cannot be built or started in this process."""


class AuditError(MpsAuditError):
    """The audited code failed by itself, or does something that the engine cannot follow."""
