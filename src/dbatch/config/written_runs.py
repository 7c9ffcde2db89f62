"""The list `runs` of a batch file: runs that are written out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dbatch.config.common import Common, checked_name, duration
from dbatch.config.faults import shown
from dbatch.config.nodes import Node
from dbatch.config.run_ids import shortened
from dbatch.config.runs import Combinations, Draft, Written
from dbatch.config.settings import ARGUMENTS, Setting, check_order, setting

FIELDS: Final = ("id", "overrides", "tags", "priority", "timeout", *ARGUMENTS)
_OTHER_WORDS: Final = {
    "bundle_path": "data",
    "name": "id",
    "parameters": "overrides",
    "params": "overrides",
    "run_id": "id",
    "symbols": "securities",
}


def written_runs(node: Node, common: Common, others: Sequence[Combinations]) -> Written:
    """Return the runs of the list at `node`, those without faults; no id may be one of `others` or written twice."""
    drafts = []
    first: dict[str, Draft] = {}
    for i, item in enumerate(node.items("runs")):
        draft = _run(item, i, common)
        if draft is None:
            continue
        other = first.setdefault(draft.id.casefold(), draft)
        if other is not draft:
            differs = "" if other.id == draft.id else f", there as {shown(other.id)}"
            item.child("id").fault(f"{shown(draft.id)} is the id of {other.origin} too{differs}")
        for part in others:
            if part.holds(draft.id):
                item.child("id").fault(
                    f"{shown(draft.id)} is the id of a run of {part.origin} too; case does not count"
                )
        drafts.append(draft)
    return Written(tuple(drafts))


def _run(node: Node, i: int, common: Common) -> Draft | None:
    if not isinstance(node.value, dict):
        node.must_be("a mapping with an id")
        return None
    node.known(FIELDS, _OTHER_WORDS)
    run_id = _id(node.child("id"))
    tags, priority, timeout = node.child("tags"), node.child("priority"), node.child("timeout")
    draft = Draft(
        id=shortened(run_id or ""),
        setting=_setting(node, common),
        origin=f"runs[{i}]",
        tags=_tags(tags) if tags.given else (),
        priority=(priority.integer() or 0) if priority.given else 0,
        timeout=duration(timeout) if timeout.given else common.timeout,
    )
    return draft if run_id else None


def _id(node: Node) -> str | None:
    if not node.given:
        node.fault("is required")
        return None
    return checked_name(node)


def _tags(node: Node) -> tuple[str, ...]:
    if node.value == []:
        return ()
    return tuple(tag for tag in (item.text() for item in node.items("texts")) if tag)


def _setting(node: Node, common: Common) -> Setting:
    """Return what the run sets, over what all runs share."""
    nodes = {key: child for key, child in node.entries("fields") if key in ARGUMENTS}
    overrides = node.child("overrides")
    for key, child in overrides.entries("parameters") if overrides.given else ():
        if key in nodes:
            child.fault(f"is given in the run itself too, as {shown(nodes[key].value)}")
        nodes.setdefault(key, child)
    own = setting(nodes.items(), common.folder)
    merged = own.over(common.base)
    if "strategy" not in merged.arguments:
        node.child("strategy").fault("is required, here or in base_args")
    if not {"start_date", "end_date"}.isdisjoint(nodes):
        start, end = (
            (merged.arguments.get(key), nodes.get(key, common.node.child(key))) for key in ("start_date", "end_date")
        )
        check_order([start], [end])
    return merged
