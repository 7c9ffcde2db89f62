"""`dbatch doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbatch.cli.upkeep_text import escaped

if TYPE_CHECKING:
    from dbatch.upkeep.finding import Finding

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command("doctor")
def doctor(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="The folder of a batch or a run. [default: this machine]")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be, then check again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check this machine, or the folder of a batch: 0 all is well, 1 there are findings."""
    from dbatch.errors import UsageError
    from dbatch.upkeep.finding import worst

    if folder is None:
        if repair:
            raise UsageError("--repair: mends a batch; name its folder")
        from dbatch.upkeep.machine import check_machine

        findings, repaired = check_machine(), list[str]()
    else:
        findings, repaired = _check(folder, mend=repair)
    if as_json:
        _print_json(folder, findings, repaired)
    else:
        for line in repaired:
            typer.echo(f"repaired  {line}")
        for finding in findings:
            typer.echo(finding_line(finding))
    raise typer.Exit(0 if worst(findings) == "OK" else 1)


def _check(folder: Path, *, mend: bool) -> tuple[list[Finding], list[str]]:
    from dbatch.upkeep.doctor import check_folder

    if not mend:
        return check_folder(folder), []
    from dbatch.upkeep.repair import repair

    repaired = repair(folder)
    return check_folder(folder), repaired or ["nothing was to be mended"]


def finding_line(finding: Finding) -> str:
    """Return a finding as a line: its level, its check, what was found, how to mend it."""
    line = f"{finding.level:8}  {finding.check}: {escaped(finding.found)}"
    return f"{line}; {finding.repair}" if finding.repair else line


def _print_json(folder: Path | None, findings: Sequence[Finding], repaired: Sequence[str]) -> None:
    import dataclasses
    import json

    from dbatch.upkeep.finding import worst

    document = {
        "schema": "dbatch.doctor/1",
        "folder": None if folder is None else str(folder),
        "level": worst(findings),
        "findings": [dataclasses.asdict(finding) for finding in findings],
        "repaired": list(repaired),
    }
    typer.echo(json.dumps(document))
