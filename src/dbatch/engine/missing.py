"""What a plain handler looked for in vain among the columns of its events."""

from __future__ import annotations

import dis
import re
import sys
from types import CodeType
from typing import Any, Final

from dbatch.schema import EVENT_COLUMNS

_SEVERAL: Final = re.compile(r"\[('[^\[\]]*')\]")  # "['a', 'b'] not in index", "None of [Index(['a'], ...)] are ..."
_QUOTED: Final = re.compile(r"'([^']*)'")


def missing_columns(error: BaseException) -> str | None:
    """Return which columns a handler asked a chunk of events for, in words; None for any other error.

    pandas says so by KeyError, or AttributeError, from a method of the chunk itself. What the handler's own code
    raises is its own, in a function that a method of the chunk calls too; and so is a method that there is none of:
    what is called where it is looked up is no column of any data.
    """
    if not isinstance(error, KeyError | AttributeError) or "pandas" not in sys.modules:
        return None
    asked = error.args[0] if isinstance(error, KeyError) and error.args else getattr(error, "name", None)
    if not isinstance(asked, str) or not _comes_from_events(error):
        return None
    several = _SEVERAL.search(asked)
    names = _QUOTED.findall(several[1]) if several else [asked]
    return f"needs {'a column' if len(names) == 1 else 'columns'} {', '.join(map(repr, names))}, events have none"


def _comes_from_events(error: BaseException) -> bool:
    frame_of_pandas = sys.modules["pandas"].DataFrame
    found = is_method = False
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        owner: Any = frame.f_locals.get("self")
        if not str(frame.f_globals.get("__name__")).startswith("pandas."):
            found, is_method = False, _is_called(frame.f_code, trace.tb_lasti)  # what was called so far called this
        elif type(owner) is frame_of_pandas and tuple(owner.columns) == EVENT_COLUMNS:
            found = True
        trace = trace.tb_next
    return found and not is_method


def _is_called(code: CodeType, place: int) -> bool:
    """Return whether the instruction of `code` at `place` looks up an attribute in order to call it at once."""
    at_place = [each for each in dis.get_instructions(code) if each.offset == place]
    if sys.version_info >= (3, 12):
        return any(each.opname == "LOAD_ATTR" and bool((each.arg or 0) & 1) for each in at_place)
    return any(each.opname == "LOAD_METHOD" for each in at_place)
