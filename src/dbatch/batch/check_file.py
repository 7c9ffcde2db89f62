"""What strategies and data say to a batch file: every value that a run may get is looked at once, at its place."""

from __future__ import annotations

from collections.abc import Iterable

from dbatch.batch.fees import FEE_NAMES
from dbatch.batch.file_inputs import FileInputs, Findings, FoundStrategy
from dbatch.batch.setups import Setups
from dbatch.config.asked import Entry, Part
from dbatch.config.faults import Faults, Place
from dbatch.config.sections import no_such_security
from dbatch.model import fee_fault
from dbatch.strategies.parameters import name_fault, value_fault


class FileCheck:
    """A check for `load_batch`: of strategies, their parameters, securities and configurations.

    What is wrong at one place is said once, whichever runs and strategies it reaches. What is opened for it stays in
    `setups`, for the plan; whether the values of one run go together is the plan's to see.
    """

    def __init__(self, setups: Setups) -> None:
        self._findings = Findings()
        self._inputs = FileInputs(setups, self._findings)
        self._known: set[Place] = set()
        self._seen: set[tuple[FoundStrategy, Place]] = set()

    def __call__(self, parts: Iterable[Part], faults: Faults) -> None:
        """Add to `faults` what is wrong with `parts`; of a value that has a fault already nothing else is said."""
        self._known = faults.places()
        strategies: set[str] = set()
        for part in parts:
            self._check_securities(part)
            for strategy in self._inputs.strategies(part):
                strategies.add(strategy.name)
                self._check_parameters(part, strategy)
        self._findings.tell(faults, strategies)

    def _check_parameters(self, part: Part, strategy: FoundStrategy) -> None:
        for key, entry in part.parameters.items():
            if key in FEE_NAMES and not strategy.takes_costs:
                self._check_fee(entry, strategy)
                continue
            if strategy.declared is None:
                continue
            if (strategy, entry.place) in self._seen:  # what all runs share comes with each part
                continue
            self._seen.add((strategy, entry.place))
            name = key.rpartition(".")[2]
            unknown = name_fault(strategy.declared, name)
            if unknown is not None:
                self._findings.add("name", entry.place, unknown, strategy.name)
                continue
            for placed in entry.values:
                problem = value_fault(strategy.declared, name, placed.value)
                if problem is not None and placed.place not in self._known:
                    self._findings.add("value", placed.place, problem, strategy.name)
                    if placed.place == entry.place:  # a range has one place for all its values
                        break

    def _check_fee(self, entry: Entry, strategy: FoundStrategy) -> None:
        for placed in entry.values:
            problem = None if placed.value is None else fee_fault(placed.value)
            if problem is not None and placed.place not in self._known:
                self._findings.add("value", placed.place, problem, strategy.name)

    def _check_securities(self, part: Part) -> None:
        """Look whether each SECURITY of a `SECURITY.KEY` is one, where the securities are known."""
        names = self._inputs.securities(part)
        for key, entry in part.parameters.items() if names else ():
            security, dot, _ = key.rpartition(".")
            problem = no_such_security(security, names) if dot else None
            if problem is not None:
                self._findings.add("security", entry.place, problem)
