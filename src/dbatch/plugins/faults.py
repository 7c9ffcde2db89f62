"""Where a strategy's code broke, in one line."""

from __future__ import annotations

import traceback
from pathlib import Path

from dbatch.model import StrategyRef
from dbatch.plugins.modules import is_installed_at

_PLUGINS = Path(__file__).parent


def where_it_broke(error: BaseException, ref: StrategyRef) -> str:
    """Return `file:line: Exception: text` at the innermost frame that is the strategy's own code.

    For an import that failed after others had, as in `try: from .rules import X / except ImportError: from rules
    import X`, these follow: the first one is often the cause.
    """
    places = [_where(error, ref) or f"{ref.module}: {_said(error)}"]
    said = {_said(error)}
    while isinstance(error, ImportError) and (before := _before(error)) is not None:
        error = before
        if _said(error) not in said and (place := _where(error, ref, only_own=True)) is not None:
            said.add(_said(error))
            places.append(place)
    return "; before that: ".join(places)


def _where(error: BaseException, ref: StrategyRef, *, only_own: bool = False) -> str | None:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and not _is_ours(frame.filename)
    ]
    own = [frame for frame in frames if ref.root and _is_users(frame.filename)]
    frame = next(reversed(own if own or only_own else frames), None)
    return None if frame is None else f"{frame.filename}:{frame.lineno}: {_said(error)}"


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _before(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_ours(filename: str) -> bool:
    return Path(filename).parent == _PLUGINS or "importlib" in Path(filename).parts


def _is_users(filename: str) -> bool:
    return not is_installed_at(filename) and not Path(filename).is_relative_to(_PLUGINS.parent)
