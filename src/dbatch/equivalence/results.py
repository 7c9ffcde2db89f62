"""The results that a folder holds, whoever made them: ours, the sequential reference's, or a classic engine's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.equivalence.damage import damage_of
from dbatch.errors import DataError, DataNotFoundError, DbatchError
from dbatch.model import Receipt
from dbatch.reference.loop import OUTCOMES_NAME
from dbatch.results.accounts import account_files
from dbatch.results.folder import MANIFEST_NAME
from dbatch.results.ledger import read_receipts
from dbatch.results.part import read_fills
from dbatch.schema import METRIC_COLUMNS, SUMMARY_RESULT_COLUMNS

Kind = Literal["run", "reference", "classic"]
VALUE_COLUMNS = tuple(name for name in SUMMARY_RESULT_COLUMNS if name not in ("security", "error")) + METRIC_COLUMNS


@dataclass(frozen=True)
class SecurityResult:
    """What a folder says of one security: `values` of the summary by column, and its fills, read when asked for.

    `status` is "success" or what befell it, with the cause in `error`; `find_damage` looks whether the folder
    contradicts itself, and says in which way. `load_accounts` gives the tables of a portfolio by name, none of any
    other job.
    """

    security: str
    status: str
    error: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    load: Callable[[], pa.Table] = pa.Table
    find_damage: Callable[[], str | None] = lambda: None
    events: int | None = None
    load_accounts: Callable[[], Mapping[str, pa.Table]] = dict


@dataclass(frozen=True)
class ResultSet:
    """All results of a folder, by security, in its order.

    `strategy` is None where the folder does not say; `request` is what a run was asked, by content.
    """

    origin: Path
    kind: Kind
    securities: Mapping[str, SecurityResult]
    strategy: str | None = None
    request: Mapping[str, Any] | None = None


def read_results(folder: Path) -> ResultSet:
    """Return the results in `folder`; fills are not read yet.

    Raises DataNotFoundError for a folder that holds no results, DataError for results that cannot be read.
    """
    if not folder.is_dir():
        raise DataNotFoundError(f"{folder}: no such folder; give a folder of results")
    try:
        if (folder / OUTCOMES_NAME).exists():
            return _reference(folder)
        if (folder / MANIFEST_NAME).exists():
            return _run(folder)
        from dbatch.equivalence.classic import read_classic

        return read_classic(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder}: results cannot be read ({type(error).__name__}: {error})") from error


def _reference(folder: Path) -> ResultSet:
    stored = json.loads((folder / OUTCOMES_NAME).read_text(encoding="utf-8"))
    securities = {}
    for name, facts in stored["securities"].items():
        if facts["status"] != "success":
            securities[name] = SecurityResult(name, facts["status"], facts["error"])
            continue
        load = partial(pq.read_table, folder / facts["fills"])
        accounts = {table: folder / file for table, file in facts.get("accounts", {}).items()}
        securities[name] = SecurityResult(
            name,
            "success",
            values=facts["values"],
            load=load,
            events=facts["rows"],
            load_accounts=partial(_tables, accounts),
        )
    return ResultSet(folder, "reference", securities, stored["strategy"])


def _run(folder: Path) -> ResultSet:
    manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    request = manifest["request"]
    kept = read_receipts(folder)
    securities = {name: _of_receipt(folder, name, kept.get(key)) for name, key in request["jobs"].items()}
    return ResultSet(folder, "run", securities, request["strategy"], request)


def _of_receipt(folder: Path, name: str, receipt: Receipt | None) -> SecurityResult:
    if receipt is None:
        return SecurityResult(name, "cancelled", "it was not run")
    if receipt.status != "success":
        return SecurityResult(name, receipt.status, receipt.error)
    values = {column: getattr(receipt, column) for column in VALUE_COLUMNS}
    return SecurityResult(
        name,
        "success",
        values=values,
        load=partial(read_fills, folder, receipt),
        find_damage=partial(damage_of, folder, receipt),
        events=receipt.rows,
        load_accounts=partial(_tables, account_files(folder, receipt.key)),
    )


def _tables(files: Mapping[str, Path]) -> Mapping[str, pa.Table]:
    return {name: pq.read_table(path, page_checksum_verification=True) for name, path in files.items()}


def paired(left: ResultSet, right: ResultSet) -> Iterator[tuple[str, SecurityResult | None, SecurityResult | None]]:
    """Yield each security of either side once, with what both sides say of it: the left's in order, then the rest.

    Names are the same when they differ only in case, unless the other side has that very name.
    """
    rest = dict(right.securities)
    folded = {name.casefold(): name for name in rest if name not in left.securities}
    for name, mine in left.securities.items():
        other = name if name in rest else folded.pop(name.casefold(), None)
        yield name, mine, None if other is None else rest.pop(other)
    for name, theirs in rest.items():
        yield name, None, theirs


def load_accounts(result: SecurityResult) -> Mapping[str, pa.Table]:
    """Return the tables of a portfolio's account by name. Raises DataError where they cannot be read."""
    try:
        return result.load_accounts()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{result.security}: its account cannot be read ({str(error).splitlines()[0]})") from error


def load_fills(result: SecurityResult) -> pa.Table:
    """Return the fills of `result`. Raises DataError where they cannot be read."""
    try:
        fills = result.load()
    except (DbatchError, OSError, pa.ArrowException) as error:
        raise DataError(f"{result.security}: fills cannot be read ({str(error).splitlines()[0]})") from error
    if len(set(fills.column_names)) < len(fills.column_names):
        raise DataError(f"{result.security}: fills have two columns of one name: {', '.join(fills.column_names)}")
    return fills
