"""What a plain handler looked for in vain among the columns of its events."""

from __future__ import annotations

import re
import sys
import traceback
from typing import Any, Final

from dbatch.schema import EVENT_COLUMNS

_SEVERAL: Final = re.compile(r"\[('[^\[\]]*')\]")  # "['a', 'b'] not in index", "None of [Index(['a'], ...)] are ..."
_QUOTED: Final = re.compile(r"'([^']*)'")


def missing_columns(error: BaseException) -> str | None:
    """Return which columns a handler asked a chunk of events for, in words; None for any other error.

    pandas says so by KeyError, or AttributeError, from a method of the chunk itself. What the handler's own code
    raises is its own, in a function that a method of the chunk calls too.
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
    found = False
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if not str(frame.f_globals.get("__name__")).startswith("pandas."):
            found = False  # whatever was called so far, it called other code
            continue
        owner: Any = frame.f_locals.get("self")
        found = found or (type(owner) is frame_of_pandas and tuple(owner.columns) == EVENT_COLUMNS)
    return found
