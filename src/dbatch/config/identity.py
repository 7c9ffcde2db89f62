"""Which batch a batch file asks for: the same one when the same runs are, however it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

NOT_ITS_OWN: Final = ("batch_name", "description", "output_root", "max_workers", "fail_fast")
"""Fields that no run depends on: what the batch is called and for, and where and how it is carried out."""


def identity(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a sound batch file decides which runs there are, in JSON's types, without comments.

    The keys of a grid are there in their order, which ids and numbers of its runs follow; of other mappings the order
    says nothing.
    """
    asked = {key: _plain(value) for key, value in _plain(document).items() if value is not None}
    kept = {key: value for key, value in asked.items() if key not in NOT_ITS_OWN}
    if "grid" in kept:
        kept["grid"] = list(kept["grid"].items())
    if "random" in kept:
        kept["random"] = {key: _plain(value) for key, value in kept["random"].items()}
    if "runs" in kept:
        kept["runs"] = [{key: _plain(value) for key, value in _plain(run).items()} for run in kept["runs"]]
    return kept


def _plain(value: Any) -> Any:
    """Return a mapping without its comments; whatever else as it is."""
    if not isinstance(value, Mapping):
        return value
    return {key: inner for key, inner in value.items() if not key.startswith("_")}
