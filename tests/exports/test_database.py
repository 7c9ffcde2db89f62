"""`dbatch export --to sql`: tables of a real database that hold each batch once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbatch.errors import StorageError, UsageError
from dbatch.exports.export import export

sqlalchemy = pytest.importorskip("sqlalchemy")
Run = Callable[..., Any]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: of SQLite, and of a real PostgreSQL server where there is one."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/results.sqlite"
    server: str = request.getfixturevalue("postgres_url")
    engine = sqlalchemy.create_engine(server.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("drop schema public cascade"))
        connection.execute(sqlalchemy.text("create schema public"))
    engine.dispose()
    return server


def rows(url: str, question: str) -> list[tuple[Any, ...]]:
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sqlalchemy.text(question))]
    finally:
        engine.dispose()


def test_runs_jobs_and_fills_are_rows_with_the_batch_they_belong_to(batch: Path, url: str) -> None:
    made = export(batch, "sql", url=url)

    assert made.rows == {"dbatch_batches": 1, "dbatch_runs": 4, "dbatch_jobs": 8, "dbatch_fills": 12}
    for table in made.rows:
        assert rows(url, f"select distinct batch_id from {table}") == [(made.batch_id,)]
    assert rows(
        url, "select symbol, strategy, count(*), sum(realized_pnl) from dbatch_fills group by 1, 2 order by 1"
    ) == [
        ("A/B", "made_up", 6, 45.0),
        ("CCC", "made_up", 6, 45.0),
    ]
    assert [str(row[0])[:19] for row in rows(url, "select min(timestamp) from dbatch_fills")] == ["2025-04-14 10:00:00"]
    assert rows(url, "select status, error from dbatch_jobs where run_id = 'size_40' and symbol = 'CCC'") == [
        ("failed", "KeyError: 'adj_close'")
    ]


def test_twice_leaves_one_copy_and_other_batches_stay(
    batch: Path, write_batch: Run, four_runs: Any, url: str, tmp_path: Path
) -> None:
    other = write_batch(tmp_path / "other", four_runs[:1], facts={"started_at": "2025-06-01T00:00:00.000+00:00"})

    for folder in (batch, other, batch, batch):
        export(folder, "sql", url=url)

    assert rows(url, "select count(*), count(distinct batch_id) from dbatch_runs") == [(5, 2)]
    assert rows(url, "select count(*) from dbatch_fills") == [(12 + 12,)]
    assert rows(url, "select count(*) from dbatch_batches") == [(2,)]


def test_rows_are_found_by_symbol_strategy_and_time_through_an_index(batch: Path, url: str) -> None:
    export(batch, "sql", url=url)

    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    indexes = {
        table: [index["column_names"] for index in sqlalchemy.inspect(engine).get_indexes(table)]
        for table in ("dbatch_jobs", "dbatch_fills")
    }
    engine.dispose()
    assert indexes == {key: [["symbol", "strategy", "timestamp"]] for key in indexes}


def test_a_failing_export_leaves_the_copy_that_was_there(
    batch: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(batch, "sql", url=url)

    def broken(*_: object) -> Any:
        yield from ()
        raise StorageError("a part is damaged")

    monkeypatch.setattr("dbatch.exports.database.each_job", broken)
    with pytest.raises(StorageError, match="a part is damaged"):
        export(batch, "sql", url=url)

    assert rows(url, "select count(*) from dbatch_fills") == [(12,)]


def test_a_table_of_an_older_version_gets_the_columns_it_lacks(batch: Path, url: str) -> None:
    export(batch, "sql", url=url)
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("alter table dbatch_runs drop column sharpe"))
    engine.dispose()

    export(batch, "sql", url=url)

    assert rows(url, "select count(*) from dbatch_runs where sharpe is not null") == [(3,)]


def test_hostile_names_are_values_and_nothing_else(hostile: Path, hostile_names: tuple[str, ...], url: str) -> None:
    export(hostile, "sql", url=url, fills="all")
    export(hostile, "sql", url=url, fills="all")

    kept = {name for (name,) in rows(url, "select run_id from dbatch_runs")}
    assert kept == {name.replace("\0", "\\x00") for name in hostile_names}
    assert rows(url, "select count(*) from dbatch_runs") == [(len(hostile_names),)]


def test_a_database_that_does_not_answer_is_one_line_that_says_what_to_do(batch: Path, dbatch: Run) -> None:
    pytest.importorskip("psycopg")

    failed = dbatch("export", batch, "--to", "sql", "--url", "postgresql://me:secret@127.0.0.1:9/x?connect_timeout=2")

    assert failed.returncode == 4
    assert "nothing was changed there; start it, or correct --url" in failed.stderr
    assert "secret" not in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_a_url_that_is_none_is_refused(batch: Path) -> None:
    with pytest.raises(UsageError, match="such as sqlite:///"):
        export(batch, "sql", url="my results")


def test_without_the_package_the_error_says_which_extra_to_install(
    batch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    monkeypatch.setitem(sys.modules, "sqlalchemy.exc", None)

    with pytest.raises(UsageError, match=r"pip install 'dbatch\[sql\]'"):
        export(batch, "sql")
