"""`dbatch merge`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dbatch.upkeep.merge import Merged

_MOST_LINES = 5

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("merge")
def merge(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the whole batch, made when missing.")],
    parts: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PART...]", help="Folders of parts of it, made with --range. [default: DIR alone]"),
    ] = None,
) -> None:
    """Make DIR of what the PARTs hold, or its files of what it holds itself: 0 all there, 1 not, 3 they contradict."""
    from dbatch.upkeep.merge import merge as merge_parts
    from dbatch.upkeep.merge import rebuild

    merged = merge_parts(folder, parts) if parts else rebuild(folder)
    for line in merged_lines(folder, merged):
        typer.echo(line, err=True)
    raise typer.Exit(3 if merged.conflicts else 1 if merged.missing or merged.damaged_jobs else 0)


def merged_lines(folder: Path, merged: Merged) -> list[str]:
    """Return what a merge came to, for people; what is wrong comes first."""
    lines = [f"conflict: run {one.run_id}, {one.security}: {one.why}" for one in merged.conflicts[:_MOST_LINES]]
    if len(merged.conflicts) > _MOST_LINES:
        lines.append(f"and {len(merged.conflicts) - _MOST_LINES:,} more conflicts; what {folder} had first stays")
    lines += [f"damaged, not taken over: {part}" for part in merged.not_taken[:_MOST_LINES]]
    if len(merged.not_taken) > _MOST_LINES:
        lines.append(f"and {len(merged.not_taken) - _MOST_LINES:,} more damaged parts")
    if merged.damaged_jobs:
        lines.append(f"{merged.damaged_jobs:,} jobs have damaged parts; 'dbatch resume {folder}' does them again")
    if merged.missing:
        ranges = " ".join(f"{first}:{end}" for first, end in merged.missing[:_MOST_LINES])
        more = " ..." if len(merged.missing) > _MOST_LINES else ""
        count = sum(end - first for first, end in merged.missing)
        lines.append(f"missing: {count:,} of {merged.total:,} runs: {ranges}{more} (each as --range takes it)")
    done = merged.total - sum(end - first for first, end in merged.missing)
    came = [f"{merged.adopted:,} jobs adopted"] if merged.adopted else []
    if merged.taken_jobs:
        came.append(f"{merged.taken_jobs:,} jobs taken over, {merged.copied_parts:,} parts copied")
    lines.append(f"{folder}: {done:,} of {merged.total:,} runs are there{''.join(f'; {text}' for text in came)}")
    return lines
