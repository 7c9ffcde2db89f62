"""The guarded child: runs the tests of a contract; a JSON document in, a JSON line out for each step."""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dbatch.lifetime import die_with_parent

if TYPE_CHECKING:
    from dbatch.model import StrategyRef

_ADVICE: Final = frozenset(
    {"test_it_trades_on_these_events", "test_it_trades_on_these_bars", "test_it_trades_on_this_universe"}
)
"""Nobody promised to trade on a made-up market."""

_HERE: Final = Path(__file__).parent

Tell = Callable[..., None]


def main() -> None:
    """Run the check on standard input: a strategy's reference, parameters, and the seconds that it may take.

    Lines go to standard output: the tests by title in the order in which they run, how each ended, then the end.
    """
    out = os.dup(1)
    os.dup2(2, 1)  # whatever the strategy prints must not get into the JSON
    if hasattr(os, "register_at_fork"):  # nor what its own children do, nor may they keep the pipe open
        os.register_at_fork(after_in_child=lambda: os.dup2(2, out))
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # else it is lost when the strategy dies
    spec = json.load(sys.stdin)
    die_with_parent(spec["parent"])
    faulthandler.enable()
    with open(out, "w", encoding="utf-8") as report:

        def tell(**facts: object) -> None:
            report.write(json.dumps(facts) + "\n")
            report.flush()

        check(spec, tell)
        tell(end=True)


def check(spec: Mapping[str, Any], tell: Tell) -> None:
    """Run the tests in their order; without a handler, which is the first test, none of the others.

    Nor are they once a strategy could not be compiled.
    """
    from unittest import SkipTest

    from dbatch.errors import ConfigError
    from dbatch.model import StrategyRef
    from dbatch.testing.bench import FIRST
    from dbatch.testing.contract import contract_tests

    ref = StrategyRef(**spec["ref"])
    named = {"strategy": ref.name, "strategy_path": ref.root, "parameters": spec["parameters"]}
    kind = _contract_of(ref, {FIRST: spec["parameters"]})
    contract = type("Checked", (kind,), named)()
    titles = contract_tests(kind)
    tell(tests=list(titles.values()))
    faulthandler.dump_traceback_later(spec["timeout_sec"])  # shows where it hangs; the parent ends it
    for number, (name, title) in enumerate(titles.items()):
        status, message = "ok", ""
        try:
            getattr(contract, name)()
        except ConfigError as error:
            tell(usage="; ".join(f"--set {fault.removeprefix(f'{FIRST}.')}" for fault in error.faults))
            return
        except SkipTest:
            return
        except BaseException as error:  # noqa: BLE001 - filed under its test; it is the strategy's, whatever it is
            status, message = _verdict(error, ref)
            if name in _ADVICE and status == "failed":
                status = "note"
        tell(test=title, status=status, message=message)
        if number == 0 and status != "ok":
            return


def _contract_of(ref: StrategyRef, sections: Mapping[str, Mapping[str, Any]]) -> type:
    """Return the contract of the kind of strategy that `ref` is; what cannot be made is for the first test to tell."""
    from dbatch.plugins.loading import make_handler
    from dbatch.portfolio import PortfolioStrategy
    from dbatch.strategies import BarStrategy, SignalStrategy
    from dbatch.testing import BarStrategyContract, PortfolioStrategyContract, StrategyContract

    try:
        handler = make_handler(ref, sections)
    except BaseException:  # noqa: BLE001 - it will be raised again, by the test that is about it
        return StrategyContract
    if isinstance(handler, PortfolioStrategy):
        return PortfolioStrategyContract
    return BarStrategyContract if isinstance(handler, BarStrategy | SignalStrategy) else StrategyContract


def _verdict(error: BaseException, ref: StrategyRef) -> tuple[str, str]:
    """Return whether the contract was found broken or something was raised, and what there is to say, in one line."""
    from dbatch.errors import DbatchError
    from dbatch.plugins.loading import where_it_broke

    if os.environ.get("DBATCH_TRACEBACK"):
        traceback.print_exception(error)
    innermost = traceback.extract_tb(error.__traceback__)[-1]
    if isinstance(error, AssertionError) and Path(innermost.filename).parent == _HERE:
        return "failed", " ".join(str(error).split())
    said = str(error) if isinstance(error, DbatchError) else where_it_broke(error, ref)
    return "error", "; ".join(" ".join(text.split()) for text in [said, *getattr(error, "__notes__", ())])


if __name__ == "__main__":
    main()
