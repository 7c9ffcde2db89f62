"""Exporters of other packages, found through entry points: functions that get a batch to read."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from dbatch.batch.opened import Batch
from dbatch.errors import DbatchError, StorageError, UsageError
from dbatch.exports.export import FORMS, Exported
from dbatch.exports.parcel import make_parcel

GROUP: Final = "dbatch.exporters"
"""Each is `export(batch, url, options) -> {what: how many}`; what it raises is told in a line.

A ValueError says that its options cannot be used.
"""


def export_with_plugin(folder: Path, form: str, *, url: str | None, options: Mapping[str, Any]) -> Exported:
    """Let the exporter called `form` take the batch in `folder` away, and return what it says it made.

    Raises UsageError where there is none of that name, its packages are missing or it refuses its options,
    StorageError for all else that it raises.
    """
    found = {point.name: point for point in entry_points(group=GROUP)}
    if form not in found:
        raise UsageError(f"--to {form}: must be one of {', '.join([*FORMS, *sorted(found)])}")
    batch = Batch.open(folder)
    try:
        exporter = found[form].load()
        rows = exporter(batch, url, dict(options))
    except ModuleNotFoundError as error:
        raise UsageError(f"--to {form} needs {error.name}; pip install 'dbatch[{form}]'") from error
    except DbatchError:
        raise
    except ValueError as error:
        raise UsageError(f"--to {form}: {' '.join(str(error).split())}") from error
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise StorageError(f"--to {form}: {said}; the batch is as it was, export it again") from error
    return Exported(make_parcel(folder, "none").batch_id, (url or form,), dict(rows))
