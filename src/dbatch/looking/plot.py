"""A picture of one job for a slide: its fills over the market's price, its position, what it earned."""

from __future__ import annotations

import difflib
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from dbatch.data.names import file_slug
from dbatch.errors import OutputError, StorageError, UsageError
from dbatch.looking.fills import JobFills, each_job, kept_fills
from dbatch.looking.formats import printable
from dbatch.looking.prices import Prices, each_pixel, prices, stored_sources
from dbatch.model import UNIVERSE
from dbatch.results.folder import MANIFEST_NAME
from dbatch.results.ledger import LEDGER_NAME
from dbatch.upkeep.logs import find_run
from dbatch.upkeep.subject import reading

FORMATS: Final = ("png", "svg", "pdf")
_BUY, _SELL, _LINE = "#1a7f37", "#c0392b", "#34495e"
_MARKET: Final = "#9aa5b1"
_SIZE: Final = (12.0, 7.0)
_DPI: Final = 150
_DAY: Final = 86_400 * 10**9


@dataclass(frozen=True)
class Place:
    """A run to draw: the folder with its ledger, and its id there (None: the only one)."""

    folder: Path
    run: str | None


def place_of(run_dir: Path, run: str | None = None) -> Place:
    """Return where the run in `run_dir` is: a run's folder, a folder within a batch's `runs`, or a batch and `run`.

    Raises OutputError for a folder without a run, UsageError where a batch is named without a run.
    """
    if (run_dir / LEDGER_NAME).is_file():
        return Place(run_dir, None if run is None else find_run(run_dir, run, by_security=False).run_id)
    batch = run_dir.absolute().parent.parent
    if not (run_dir / MANIFEST_NAME).is_file() or not (batch / LEDGER_NAME).is_file():
        raise OutputError(f"{run_dir}: holds no run; name the folder of one, such as output/NAME/runs/0000_ID")
    try:
        return Place(batch, str(json.loads((run_dir / MANIFEST_NAME).read_text(encoding="utf-8"))["run_id"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{run_dir / MANIFEST_NAME}: not a readable manifest ({error})") from error


def plot(
    place: Place, security: str, target: Path | None = None, say: Callable[[str], None] = lambda text: None
) -> Path:
    """Draw the fills of `security` in a run and return the picture's path, by default `<security>.png` here.

    Under the fills lie the prices of trades, or closes of bars, where the data are still what the run read; else `say`
    gets a line that says why not. Raises UsageError for a run or security that is not there or has no fills,
    StorageError.
    """
    job = _job(place, security)
    path = target or Path(f"{file_slug(security)}.png")
    if path.suffix[1:].lower() not in FORMATS:
        raise UsageError(f"-o {path}: must end in .{', .'.join(FORMATS)}")
    ((_, fills),) = each_job(place.folder, [job])
    if not len(fills):
        raise UsageError(f"{security}: has no fills in run {job.run_id!r}, there is nothing to draw")
    times = np.array(fills.column("timestamp").cast(pa.int64()).to_pylist(), np.int64)
    market = _market(place, job, times)
    if market.note:
        say(f"{security}: no market prices are drawn: {market.note}")
    figure = _figure(f"{job.strategy}  {job.run_id}  {security}", fills, times, market)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*[Gg]lyph")  # a name in letters that the font lacks
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=_DPI)
    except OSError as error:
        raise StorageError(f"{path}: could not be written ({error.strerror or error})") from error
    return path


def _job(place: Place, security: str) -> JobFills:
    jobs = kept_fills(place.folder, None if place.run is None else [place.run])
    runs = {job.run_id for job in jobs}
    if len(runs) > 1:
        raise UsageError(f"{place.folder}: holds {len(runs):,} runs; name one with --run")
    if any(job.security == UNIVERSE for job in jobs):
        run = f" --run {place.run}" if place.run is not None else ""
        raise UsageError(
            f"{place.folder}: a portfolio has orders, and no fills by security; "
            f"'dbatch report {place.folder}{run}' draws its equity"
        )
    found = [job for job in jobs if job.security == security]
    if not found:
        names = [job.security for job in jobs]
        close = difflib.get_close_matches(security, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are fills of {printable(', '.join(names)) or 'none'}"
        raise UsageError(f"{place.folder}: no fills of {security!r} were kept; {hint}")
    return found[0]


def _market(place: Place, job: JobFills, times: np.ndarray) -> Prices:
    """Return the market's prices on the days from the first fill to the last, as many as can be seen."""
    with reading(place.folder) as (subject, _):
        known = stored_sources(place.folder, subject.facts, job.strategy).get(job.security)
    if known is None:
        return Prices(np.empty(0, np.int64), np.empty(0), "where the data were is not known")
    found = prices(*known, int(times.min() // _DAY), int(times.max() // _DAY), job.receipt.rows)
    if not len(found.times) and not found.note:
        return Prices(found.times, found.values, "there are none on the days of its fills")
    return each_pixel(found, int(_SIZE[0] * _DPI))


def _figure(title: str, fills: pa.Table, nanoseconds: np.ndarray, market: Prices) -> Any:
    from matplotlib.figure import Figure

    times = nanoseconds.view("datetime64[ns]")
    filled, position, pnl = (_numbers(fills, name) for name in ("fill_price", "position", "pnl"))
    bought = np.array([side == "buy" for side in fills.column("side").to_pylist()], bool)
    figure = Figure(figsize=_SIZE, layout="constrained")
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=[3, 1, 1.5])
    figure.suptitle(printable(title)[:160], parse_math=False)
    if len(market.times):
        line = {"color": _MARKET, "linewidth": 0.6, "zorder": 1, "label": "market"}
        top.plot(market.times.view("datetime64[ns]"), market.values, gid="market", **line)
    else:
        top.plot(times, filled, color=_LINE, linewidth=0.5, alpha=0.4)
    top.scatter(times[bought], filled[bought], marker="^", s=18, color=_BUY, label="buy", zorder=2)
    top.scatter(times[~bought], filled[~bought], marker="v", s=18, color=_SELL, label="sell", zorder=2)
    top.set_ylabel("price")
    top.legend(loc="best")
    middle.step(times, position, where="post", color=_LINE)
    middle.axhline(0.0, color="grey", linewidth=0.5)
    middle.set_ylabel("shares")
    bottom.plot(times, pnl, color=_LINE)
    bottom.fill_between(times, pnl, 0.0, alpha=0.15, color=_LINE)
    bottom.set_ylabel("realised P&L")
    for axes in (top, middle, bottom):
        axes.grid(alpha=0.3)
    return figure


def _numbers(fills: pa.Table, name: str) -> np.ndarray:
    return np.array(fills.column(name).to_pylist(), np.float64)
