"""What stands around a report: one file of HTML with its style, its one script, and rules that let nothing leave it."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib.resources import files

STATIC = files("assistant.evaluation") / "static"
# No request, no frame, no other script than ours, whatever an article or a reader wrote.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; script-src 'sha256-{}'"


def frame_page(title: str, body: str) -> str:
    """The whole page; `body` is HTML."""
    script, style = read_script(), (STATIC / "report.css").read_text(encoding="utf-8")
    policy = POLICY.format(digest_script())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} · Career Assistant</title>
<style>{style}</style></head>
<body><main>{body}</main>
<script>{script}</script></body></html>
"""


def read_script() -> str:
    return (STATIC / "report.js").read_text(encoding="utf-8")


def digest_script() -> str:
    """SHA-256 of the script, as a Content-Security-Policy names it."""
    return base64.b64encode(hashlib.sha256(read_script().encode()).digest()).decode()
