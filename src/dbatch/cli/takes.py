"""Options that several commands share: a command has one parameter for all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, Final, get_type_hints

_HEAVY: Final = {"BatchOptions": Any, "RunRequest": Any}
"""Names that commands know for type checkers only: what they stand for is imported when a command is called."""


def takes(
    name: str,
    make: Callable[..., Any],
    *,
    without: Collection[str] = (),
    first: Collection[str] = (),
    instead: dict[str, Any] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator for a command: it has the options of `make`, and gets what `make` returns of them as `name`.

    What `make` takes by position stands before the command's own options, the rest where `name` stands among them,
    the options named in `first` before the others; those named in `without` are left out. `instead` has annotations
    that take the place of those in `make`.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        shared = [parameter for parameter in _parameters(make, instead or {}) if parameter.name not in without]
        own = _parameters(command, {})
        place = [parameter.name for parameter in own].index(name)
        top = [parameter for parameter in shared if parameter.kind is not Parameter.KEYWORD_ONLY]
        rest = sorted(shared[len(top) :], key=lambda parameter: parameter.name not in first)

        @wraps(command)
        def call(**values: Any) -> None:
            made = make(**{parameter.name: values.pop(parameter.name) for parameter in shared})
            command(**values, **{name: made})

        every = [*top, *own[:place], *rest, *own[place + 1 :]]
        call.__signature__ = Signature(  # type: ignore[attr-defined]  # a function has none until it is given one
            [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in every]
        )
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in every}
        return call

    return decorate


def _parameters(function: Callable[..., Any], instead: dict[str, Any]) -> list[Parameter]:
    """Return the parameters of `function`, each with its annotation as an object, or the one named in `instead`."""
    hints = get_type_hints(function, localns=_HEAVY, include_extras=True) | instead
    return [each.replace(annotation=hints[name]) for name, each in signature(function).parameters.items()]
