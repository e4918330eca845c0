"""A flag for every generation option of every family, from the options' own descriptions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.errors import ConfigError, UsageError
from vivavoce.models import MODELS
from vivavoce.options import Described, described

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS

RESERVED = ("text", "voice", "speed", "seed", "on_problem", "on_step", "stages", "language")
"""Arguments of `speak` and `stream`: each has a flag of its own."""
PANEL = "Model options"


@dataclass(frozen=True)
class Flag:
    """One option of one or more families."""

    option: Described
    families: tuple[str, ...]

    def parameter(self) -> inspect.Parameter:
        """The parameter of a command that typer turns into the flag; None is "not given"."""
        option = self.option
        help_text = f"{option.opt.help} [{', '.join(self.families)}]"
        switch = option.kind is bool
        info = typer.Option(
            option.flag,
            help=help_text,
            metavar=option.opt.metavar or "|".join(option.choices) or None,
            show_default=False,
            rich_help_panel=PANEL,
        )
        hint = Annotated[bool if switch else option.kind | None, info]
        default = False if switch else None
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(option.name, kind, default=default, annotation=hint)

    def value(self, given: object) -> object:
        """What was asked for; None where nothing was."""
        if self.option.kind is bool:
            return (not self.option.default) if given else None
        return given


def flags() -> dict[str, Flag]:
    """By option name. Options of one name share a flag; torch is not imported."""
    options: dict[str, list[tuple[str, Described]]] = {}
    for family in MODELS.names:
        for option in described(MODELS.options(family) or object):
            if not option.opt.common:
                options.setdefault(option.name, []).append((family, option))
    return {
        name: Flag(users[0][1], tuple(family for family, _ in users))
        for name, users in options.items()
    }


def with_model_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with those flags; it receives what was given as its argument `options`."""
    known = flags()

    def run(**given: object) -> None:
        asked = {name: flag.value(given.pop(name)) for name, flag in known.items()}
        command(**given, options={k: v for k, v in asked.items() if v is not None})

    own = inspect.signature(command, eval_str=True).parameters.values()
    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in own if p.name != "options"]
    parameters += [flag.parameter() for flag in known.values()]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def merged(options: Mapping[str, Any], settings: list[str] | None) -> dict[str, Any]:
    """What was asked of the model, `--set` included. Raises UsageError, ConfigError."""
    from vivavoce.config import apply_overrides

    set_options = apply_overrides({}, settings or [])
    for name in set_options:
        if name in RESERVED:
            flag = name.replace("_", "-")
            raise UsageError(f"'{name}' is not set with --set.", f"Use --{flag}.")
    return set_options | dict(options)


def require_known(asked: Iterable[str], tts: TTS) -> None:
    """Raises ConfigError, naming flags, for an option that the model does not have."""
    known = {option.name: option for option in described(tts.model.options_type)}
    every = flags()
    for name in asked:
        if name not in known:
            flag = every[name].option.flag if name in every else f"--set {name}"
            has = ", ".join(option.flag for option in known.values())
            raise ConfigError(f"'{tts.name}' has no {flag}.", f"It has: {has}.")
