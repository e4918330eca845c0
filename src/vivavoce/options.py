"""Generation options, described once: the CLI, the range checks, `models show` and docs read this.

temperature: Annotated[float, Opt("Sampling temperature; 0 is deterministic.", 0, 5)] = 0.75
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from vivavoce.errors import ConfigError


@dataclass(frozen=True)
class Opt:
    """What an option does, the range it must lie in, and its name on the command line.

    `flag` replaces the name made from the field's; an option that is `common` has a flag of its
    own in the command, because it means the same for every family.
    """

    help: str
    low: float | None = None
    high: float | None = None
    flag: str = ""
    metavar: str = ""
    common: bool = False


@dataclass(frozen=True)
class Described:
    """One field of a family's options: its plain type, default, and what `Opt` says of it."""

    name: str
    kind: type
    default: object
    choices: tuple[str, ...]
    opt: Opt

    @property
    def flag(self) -> str:
        """As it is typed: `--no-NAME` for a switch that is on by default."""
        spelt = self.name.replace("_", "-")
        off = "no-" if self.default is True else ""
        return self.opt.flag or f"--{off}{spelt}"

    @property
    def range(self) -> str:
        if self.choices:
            return " or ".join(self.choices)
        return f"{self.opt.low:g} to {self.opt.high:g}" if self.opt.high is not None else ""


@dataclass(frozen=True)
class Options:
    """What every family's options begin with. Raises ConfigError for a value out of range."""

    speed: Annotated[
        float, Opt("Speaking rate; 1 is natural, 2 twice as fast.", 0.1, 10, common=True)
    ] = 1.0

    def __post_init__(self) -> None:
        check(self)


@cache
def described(options_type: type[Any]) -> tuple[Described, ...]:
    """Every option of a family, in order."""
    hints = get_type_hints(options_type, include_extras=True)
    return tuple(_described(one.name, hints[one.name], one.default) for one in fields(options_type))


def check(options: object) -> None:
    """Raises ConfigError for a value outside its range."""
    for one in described(type(options)):
        value, low, high = getattr(options, one.name), one.opt.low, one.opt.high
        if low is not None and high is not None and not low <= value <= high:
            raise ConfigError(f"{one.name} is {value}; it must be from {low:g} to {high:g}.")


def _described(name: str, hint: object, default: object) -> Described:
    opts = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Opt)]
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    choices = tuple(map(str, get_args(plain))) if get_origin(plain) is Literal else ()
    return Described(name, type(default), default, choices, opts[0] if opts else Opt(""))
