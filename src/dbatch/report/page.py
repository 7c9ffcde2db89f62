"""The page around the data: one HTML file with its style, its script and nothing from anywhere else."""

from __future__ import annotations

import base64
import hashlib
import html
from importlib.resources import files
from typing import Any, Final

from dbatch.report.pack import safe_json, text

_SCRIPTS: Final = {
    "batch": ("base.js", "charts.js", "tables.js", "overview.js", "explore.js", "batch.js"),
    "run": ("base.js", "charts.js", "tables.js", "fills.js", "run.js"),
}

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<noscript>This report draws itself with JavaScript, which is switched off here.</noscript>
<main id="page"></main>
<script type="application/json" id="data">"""
_END: Final = """</script>
<script>{script}</script>
</body>
</html>
"""


def page(kind: str, title: str, document: Any) -> bytes:
    """Return the HTML file that shows `document`; `kind` is batch or run.

    Its policy forbids every request, and every script and style but its own, by their hashes.
    """
    script = '"use strict";\n' + "\n".join(_source(name) for name in _SCRIPTS[kind])
    style = _source("report.css")
    policy = f"default-src 'none'; img-src data:; script-src '{_hash(script)}'; style-src '{_hash(style)}'"
    head = _PAGE.format(policy=policy, title=html.escape(text(title)), style=style)
    return head.encode("utf-8", "backslashreplace") + safe_json(document) + _END.format(script=script).encode()


def _source(name: str) -> str:
    return files("dbatch.report").joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
