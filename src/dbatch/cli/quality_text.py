"""Quality reports as lines of text."""

from __future__ import annotations

from dbatch.data.faults import counted
from dbatch.data.names import shown
from dbatch.data.report import QualityReport


def report_lines(report: QualityReport) -> list[str]:
    """Return a headline about a security's events, then one indented line for each thing worth a look."""
    span = f", {report.first} to {report.last}" if report.first else ""
    lines = [f"{shown(report.security)}: {report.rows:,} rows{span}"]
    for reason, count in report.unusable.items():
        cells = [f"{fault.where} '{fault.found}'" for fault in report.examples if fault.reason == reason]
        where = f": {', '.join(cells)}{', …' if count > len(cells) else ''}" if cells else ""
        lines.append(f"  {counted(count, reason)}: {reason}{where}")
    counts = (
        (report.blank_rows, "blank rows, left out"),
        (report.duplicates, "rows equal to the row before"),
        (report.out_of_order, "rows earlier than the row before"),
        (report.nonpositive_prices, "prices not above zero"),
        (report.zero_volumes, "volumes of zero"),
    )
    lines += [f"  {count:,} {what}" for count, what in counts if count]
    if report.gap_days:
        more = ", …" if len(report.gaps) == 20 else ""
        lines.append(f"  {report.gap_days:,} trading days without events: {', '.join(report.gaps)}{more}")
    return lines
