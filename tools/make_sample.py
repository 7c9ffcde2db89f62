"""Makes the sample that ships with dbatch: five days of invented ticks, as Parquet and as the vendor's workbook.

    python tools/make_sample.py [FOLDER]        (default: src/dbatch/sample)

Only `random.Random.random` is drawn from, for it alone gives the same numbers on every version of Python.
"""

from __future__ import annotations

import datetime as dt
import io
import math
import random
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SEED = "dbatch sample 1"
DAYS = tuple(dt.date(2025, 3, 3) + dt.timedelta(days=n) for n in range(5))
PRE_OPEN = 9 * 3600 + 30 * 60
OPEN = 10 * 3600
PRE_CLOSE = 14 * 3600 + 45 * 60
AUCTION = 14 * 3600 + 55 * 60
END = 15 * 3600
LOT = 10
FREE_TEXT = "invented ticks of an invented company; exchange time"
STAMP = (2025, 3, 8, 0, 0, 0)


@dataclass(frozen=True)
class Instrument:
    """An invented security: `price` and `tick` in currency, `depth` the usual displayed size in shares.

    `restless` is how far its value wanders, in ticks.
    """

    name: str
    price: float
    tick: float
    depth: int
    restless: float


INSTRUMENTS = (
    Instrument("ALFA", 3.40, 0.01, 42_000, 1.2),
    Instrument("GAMA", 9.15, 0.01, 24_000, 2.0),
    Instrument("VETA", 18.60, 0.02, 14_000, 1.8),
)


class Tick(NamedTuple):
    """One event: `price` in currency, `volume` in shares."""

    time: dt.datetime
    kind: str
    price: float
    volume: int


class Exchange:
    """The best bid and ask of one security, prices counted in ticks, and what is printed as they change."""

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._random = random.Random(f"{SEED} {instrument.name}")
        self._anchor = float(round(instrument.price / instrument.tick))
        self._bid = int(self._anchor)
        self._spread = 1
        self._depth = {"BID": instrument.depth, "ASK": instrument.depth}

    def ticks(self) -> Iterator[Tick]:
        """Yield the events of all days in the order in which the exchange sends them."""
        for day in DAYS:
            midnight = dt.datetime.combine(day, dt.time())
            self._anchor += 6 * (self._draw() - 0.5)
            for begin, end, gap, moment in (
                (PRE_OPEN, OPEN, 55.0, self._indication),
                (OPEN, PRE_CLOSE, 23.5, self._trading),
                (PRE_CLOSE, AUCTION, 25.0, self._refresh),
                (AUCTION + 5, END, 14.0, self._auction),
            ):
                second = begin
                while second < end:
                    for kind, price, volume in moment():
                        late = 1 + int(2 * self._draw()) if self._draw() < 0.0015 else 0
                        time = midnight + dt.timedelta(seconds=second - min(late, second - begin))
                        yield Tick(time, kind, round(price * self._instrument.tick, 3), volume)
                    second += 1 + int(-gap * math.log(1.0 - self._draw()))

    def _draw(self) -> float:
        return self._random.random()

    def _shares(self, typical: float, spread: float) -> int:
        """Return a size around `typical`, in lots, with a long tail to the right."""
        bell = sum(self._draw() for _ in range(12)) - 6.0
        return max(LOT, round(typical * math.exp(spread * bell) / LOT) * LOT)

    def _pull(self) -> float:
        """Return how likely the next move or market order is upwards: towards a value that wanders by itself."""
        self._anchor += self._instrument.restless * (self._draw() - 0.5)
        return 0.5 + max(-0.35, min(0.35, 0.05 * (self._anchor - self._bid)))

    def _price(self, side: str) -> int:
        return self._bid if side == "BID" else self._bid + self._spread

    def _quote(self, side: str) -> tuple[str, int, int]:
        self._depth[side] = self._shares(self._instrument.depth, 0.7)
        return side, self._price(side), self._depth[side]

    def _side(self) -> str:
        return "BID" if self._draw() < 0.5 else "ASK"

    def _refresh(self) -> Iterator[tuple[str, int, int]]:
        first = self._side()
        yield self._quote(first)
        if self._draw() < 0.6:
            yield self._quote("ASK" if first == "BID" else "BID")

    def _indication(self) -> Iterator[tuple[str, int, int]]:
        """Before the open: quotes far from the price, some of them empty."""
        away = 1 + int(12 * self._draw())
        if self._draw() < 0.2:
            yield self._side(), 0, 0
        yield "BID", self._bid - away, self._shares(self._instrument.depth / 10, 0.9)
        yield "ASK", self._bid + self._spread + away, self._shares(self._instrument.depth / 10, 0.9)

    def _trading(self) -> Iterator[tuple[str, int, int]]:
        kind = self._draw()
        if kind < 0.47:
            yield from self._trade()
        elif kind < 0.86:
            yield from self._refresh()
        elif kind < 0.97:
            yield from self._move()
        elif kind < 0.99:
            side = self._side()
            yield side, self._price(side), 0
        else:
            yield self._side(), 0, 0

    def _trade(self) -> Iterator[tuple[str, int, int]]:
        """A market order in one to three prints, and what is left of the level that it hit."""
        side = "ASK" if self._draw() < self._pull() else "BID"
        price = self._price(side)
        traded = 0
        for _ in range(1 + int(3 * self._draw() ** 3)):
            volume = self._shares(self._instrument.depth * 0.24, 1.0)
            traded += volume
            yield "TRADE", price, volume
        if traded < self._depth[side]:
            self._depth[side] -= traded
            yield side, price, self._depth[side]
        elif self._draw() < 0.5:
            yield from self._move(-1 if side == "BID" else 1)
        else:
            yield self._quote(side)

    def _move(self, step: int = 0) -> Iterator[tuple[str, int, int]]:
        """Both sides move by a tick: the way that is asked for, or rather towards the value."""
        self._bid += step or (1 if self._draw() < self._pull() else -1)
        self._spread = 2 if self._draw() < 0.2 else 1
        yield self._quote("BID")
        yield self._quote("ASK")

    def _auction(self) -> Iterator[tuple[str, int, int]]:
        """Prints at the closing price."""
        yield "TRADE", self._bid, self._shares(self._instrument.depth * 1.5, 0.8)
        if self._draw() < 0.3:
            yield self._quote(self._side())


def make(folder: Path) -> None:
    """Write `ticks/<name>.parquet` and `ticks.xlsx` into `folder`: the same events in the same order."""
    made = {instrument.name: list(Exchange(instrument).ticks()) for instrument in INSTRUMENTS}
    (folder / "ticks").mkdir(parents=True, exist_ok=True)
    for name, ticks in made.items():
        write_parquet(folder / "ticks" / f"{name.lower()}.parquet", ticks)
    write_workbook(folder / "ticks.xlsx", made)


def write_parquet(path: Path, ticks: Sequence[Tick]) -> None:
    """Write `ticks` in the canonical schema, with page checksums."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = [tick.kind.lower() for tick in ticks]
    columns = {
        "timestamp": pa.array([tick.time for tick in ticks], pa.timestamp("ns")),
        "type": pa.DictionaryArray.from_arrays(
            pa.array([("bid", "ask", "trade").index(kind) for kind in kinds], pa.int8()), ["bid", "ask", "trade"]
        ),
        "price": pa.array([tick.price for tick in ticks], pa.float64()),
        "volume": pa.array([tick.volume for tick in ticks], pa.int64()),
    }
    pq.write_table(pa.table(columns), path, compression="zstd", version="2.6", write_page_checksum=True)


def write_workbook(path: Path, made: dict[str, list[Tick]]) -> None:
    """Write one sheet a security: name, free text, header, then events with real Excel dates."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    workbook = Workbook(write_only=True)
    workbook.properties.created = dt.datetime(*STAMP)
    for name, ticks in made.items():
        title = f"{name} UH Equity"
        sheet = workbook.create_sheet(title)
        for row in ([title], [FREE_TEXT], ["Dates", "Type", "Price", "Size"]):
            sheet.append(row)
        for tick in ticks:
            date = WriteOnlyCell(sheet, tick.time)
            date.number_format = "dd/mm/yyyy hh:mm:ss"
            sheet.append([date, tick.kind, tick.price, tick.volume])
    packed = io.BytesIO()
    workbook.save(packed)
    path.write_bytes(without_clock(packed.getvalue()))


def without_clock(workbook: bytes) -> bytes:
    """Return the workbook with a fixed time wherever it says when it was written."""
    fixed = io.BytesIO()
    modified = dt.datetime(*STAMP).isoformat() + "Z"
    with zipfile.ZipFile(io.BytesIO(workbook)) as source, zipfile.ZipFile(fixed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + modified.encode(), content)
            entry = zipfile.ZipInfo(name, STAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, content, compresslevel=9)
    return fixed.getvalue()


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1] / "src/dbatch/sample")
