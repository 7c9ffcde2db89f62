"""Backtests by vectorbt, for `vectorbt_side.py`: a process of its own, that answers a line of JSON with another one.

The first line tells the closes, the rules and what to take; each line after it holds sets of parameters. Nothing of
dbatch is imported, so that any interpreter with vectorbt can run this.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any


def closes_of(first: dict[str, Any]) -> Any:
    """Return the closes as a Series over their hours."""
    import pandas as pd

    return pd.Series(first["closes"], pd.DatetimeIndex(pd.to_datetime(first["times"], unit="ns")), name="close")


def block_of(vbt: Any, closes: Any, first: dict[str, Any], sets: list[list[int]]) -> list[list[float]]:
    """Return total return, deepest fall as a share, trades and Sharpe of each of `sets`, by vectorbt's usual way."""
    fast = vbt.MA.run(closes, [one[0] for one in sets], short_name="fast")
    slow = vbt.MA.run(closes, [one[1] for one in sets], short_name="slow")
    book = vbt.Portfolio.from_signals(
        closes,
        fast.ma_above(slow),
        fast.ma_below(slow),
        size=first["units"],
        fees=first["fee"],
        init_cash=first["capital"],
        freq="1h",
    )
    columns = (book.total_return(), -book.max_drawdown(), book.trades.count(), book.sharpe_ratio())
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def main() -> None:
    """Answer until there are no more lines; nothing but answers goes to stdout."""
    answers, sys.stdout = sys.stdout, sys.stderr
    import vectorbt as vbt

    first = json.loads(sys.stdin.readline())
    vbt.settings["engine"] = first["engine"]
    closes = closes_of(first)
    facts = {"version": version("vectorbt"), "rust": find_spec("vectorbt_rust") is not None}
    print(json.dumps(facts), file=answers, flush=True)
    for line in sys.stdin:
        sets = json.loads(line)
        begin = time.process_time()
        rows = []
        for at in range(0, len(sets), first["block"]):
            rows += block_of(vbt, closes, first, sets[at : at + first["block"]])
        print(json.dumps({"cpu": time.process_time() - begin, "rows": rows}), file=answers, flush=True)


if __name__ == "__main__":
    main()
