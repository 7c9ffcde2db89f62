"""Where results come from: what was asked, with which code, data, versions and machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dbatch.report.pack import plain_document

MOST_SECURITIES: Final = 200
_MOST_INPUTS: Final = 50


def origin(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has to be the same for the same results, from the facts of a ledger."""
    batch = facts.get("batch") or {}
    environment = facts.get("environment") or {}
    inputs = facts.get("inputs") or ()
    return dict(
        plain_document(
            {
                "config": batch.get("document"),
                "config_hash": batch.get("config_hash"),
                "seed": batch.get("seed"),
                "options": facts.get("options"),
                "versions": environment.get("versions"),
                "machine": environment.get("machine"),
                "git": environment.get("git"),
                "inputs": [_input(one) for one in list(inputs)[:_MOST_INPUTS]],
            }
        )
    )


def _input(facts: Mapping[str, Any]) -> dict[str, Any]:
    strategy = facts.get("strategy") or {}
    securities = facts.get("securities") or {}
    return {
        "strategy": strategy.get("name"),
        "origin": strategy.get("origin"),
        "code": facts.get("code"),
        "data": facts.get("data"),
        "securities": len(securities),
        "fingerprints": {
            name: one.get("fingerprint") for name, one in list(securities.items())[:MOST_SECURITIES] if one
        },
    }
