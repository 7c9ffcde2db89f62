"""A parcel as files in a folder: `batch.json`, and runs, jobs and fills as CSV, JSON or Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dbatch.durable import whole_file
from dbatch.errors import StorageError
from dbatch.exports.parcel import Parcel
from dbatch.looking.fills import JobFills, each_job
from dbatch.looking.formats import FORMATS, as_csv, as_json
from dbatch.results.batch_manifest import json_text
from dbatch.results.columns import table_of
from dbatch.results.publish import write_atomically

_ROWS: Final = 1 << 16


def write_files(parcel: Parcel, form: str, target: Path) -> list[Path]:
    """Write `parcel` into the folder `target` as `form` (csv, json, parquet), and return the files.

    Each is replaced in one step; doing it twice leaves the same. Raises StorageError.
    """
    paths = [target / "batch.json", *(target / f"{name}.{form}" for name in ("runs", "jobs", "fills"))]
    write_atomically(paths[0], json_text({"schema": "dbatch.export/1", **parcel.about()}))
    for path, table in ((paths[1], parcel.runs), (paths[2], parcel.jobs)):
        write_atomically(path, as_json(table, batch_id=parcel.batch_id) if form == "json" else FORMATS[form](table))
    if not parcel.fills:
        paths[3].unlink(missing_ok=True)
        return paths[:3]
    _write_whole(paths[3], lambda file: _WRITERS[form](file, fill_tables(parcel)))
    return paths


def fill_tables(parcel: Parcel) -> Iterator[pa.Table]:
    """Yield the chosen fills, some at a time: `run_id`, `strategy`, `security` and the columns of a fill."""
    for job, fills in each_job(parcel.tables.folder, parcel.fills):
        for first in range(0, len(fills), _ROWS):
            yield _with_names(job, fills.slice(first, _ROWS))


def _with_names(job: JobFills, fills: pa.Table) -> pa.Table:
    names = {"run_id": job.run_id, "strategy": job.strategy, "security": job.security}
    columns = {name: [text] * len(fills) for name, text in names.items()}
    table = table_of(columns, dict.fromkeys(names, "text"))
    for name in fills.column_names:
        table = table.append_column(name, fills.column(name))
    return table


def _write_csv(file: IO[bytes], tables: Iterator[pa.Table]) -> None:
    for number, table in enumerate(tables):
        content = as_csv(table)
        file.write(content if number == 0 else content.partition(b"\n")[2])


def _write_json(file: IO[bytes], tables: Iterator[pa.Table]) -> None:
    """Write one JSON document; its rows come a line each."""
    file.write(b'{"rows": [')
    for number, table in enumerate(tables):
        rows = as_json(table).removeprefix(b'{"rows": [').removesuffix(b"\n]}\n")
        file.write(b"," * (number > 0) + rows)
    file.write(b"\n]}\n")


def _write_parquet(file: IO[bytes], tables: Iterator[pa.Table]) -> None:
    first = next(tables)
    with pq.ParquetWriter(file, first.schema, compression="zstd", write_page_checksum=True) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


_WRITERS: Final[dict[str, Callable[[IO[bytes], Iterator[pa.Table]], Any]]] = {
    "csv": _write_csv,
    "json": _write_json,
    "parquet": _write_parquet,
}


def _write_whole(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Let `write` fill a file that has its name only when it is whole."""
    try:
        with whole_file(path) as part, open(part, "wb") as file:
            write(file)
    except OSError as error:
        raise StorageError(f"{path}: could not be written ({error.strerror or error})") from error
