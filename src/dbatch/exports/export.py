"""A batch taken away, in the form that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dbatch.errors import UsageError
from dbatch.exports.missing import needs
from dbatch.exports.parcel import make_parcel
from dbatch.upkeep.remove import EXPORTS_NAME

FILES: Final = ("csv", "json", "parquet")
FORMS: Final = (*FILES, "xlsx", "sql")


@dataclass(frozen=True)
class Exported:
    """What an export made: where, in words for people, and how many rows of what."""

    batch_id: str
    places: tuple[str, ...]
    rows: dict[str, int]


def export(
    folder: Path,
    form: str,
    *,
    target: Path | None = None,
    url: str | None = None,
    fills: str = "top:1",
    securities: Sequence[str] | None = None,
    best: int = 20,
) -> Exported:
    """Take the batch or run in `folder` away as `form` (csv, json, parquet, xlsx or sql); twice leaves one copy.

    Without `target` files go to `exports` in the folder; without `url` the database is an SQLite file there. `fills`
    and `securities` choose the fills as in `make_parcel`, `best` how many runs the workbook's sheet of them has.
    Raises OutputError, UsageError, StorageError.
    """
    if url is not None and form != "sql":
        raise UsageError(f"--url {url.partition('://')[0]}: is for --to sql")
    parcel = make_parcel(folder, fills, securities)
    rows = {"runs": len(parcel.runs), "jobs": len(parcel.jobs), "fills": parcel.fill_count}
    place = folder / EXPORTS_NAME
    if form in FILES:
        from dbatch.exports.files import write_files

        written = write_files(parcel, form, target or place)
        return Exported(parcel.batch_id, tuple(map(str, written)), rows)
    if form == "xlsx":
        from dbatch.exports.workbook import write_workbook

        return Exported(
            parcel.batch_id, (str(write_workbook(parcel, target or place / "batch.xlsx", best=best)),), rows
        )
    if form == "sql":
        with needs("sql", "sqlalchemy", "--to sql"):
            from dbatch.exports.database import write_database

            if url is None:
                path = target or place / "batch.sqlite"
                path.parent.mkdir(parents=True, exist_ok=True)
                url = f"sqlite:///{path}"
            tables = write_database(parcel, url)
        return Exported(parcel.batch_id, tuple(tables), tables)
    raise UsageError(f"--to {form}: must be one of {', '.join(FORMS)}")
