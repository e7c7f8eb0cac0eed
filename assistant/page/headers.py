"""What the browser is told about every response: load and send nothing beyond this server, run nothing from content."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.evaluation.report_frame import digest_script

INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
HEADERS = {
    "Referrer-Policy": "same-origin",  # not no-referrer: browsers would hide even from us that a form is ours
    "X-Content-Type-Options": "nosniff",
}


def write_policy(page: bytes = b"") -> str:
    """The Content-Security-Policy of a response whose body is `page`; only the scripts written in it may run inline.

    Gradio evaluates its components' templates and styles its elements one by one, hence the two unsafe words. A script,
    a handler or a `javascript:` address that came with an article, a question or a model runs nowhere, even if it got
    into the page, and could reach no other host. The report of an evaluation, which the page opens in a window of its
    own, inherits this policy beside its own: hence the hash of its script.
    """
    hashes = [b64encode(sha256(script).digest()).decode() for script in INLINE_SCRIPT.findall(page)]
    hashes += [digest_script()] if page else []
    scripts = " ".join(f"'sha256-{each}'" for each in dict.fromkeys(hashes))
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'unsafe-eval' {scripts}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        )
    )


class SafeHeaders:
    """ASGI middleware that adds HEADERS and a policy where none is; plain ASGI, for a streamed answer must pass."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Message] = []  # a page, whose scripts must be known before its head is sent

        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start" and "content-security-policy" not in Headers(scope=message):
                MutableHeaders(scope=message).update({**HEADERS, "Content-Security-Policy": write_policy()})
                if Headers(scope=message).get("content-type", "").startswith("text/html"):
                    held.append(message)
                    return
            if not held:
                await send(message)
                return
            held.append(message)
            if not message.get("more_body", False):
                page = b"".join(part.get("body", b"") for part in held)
                MutableHeaders(scope=held[0])["Content-Security-Policy"] = write_policy(page)
                for part in held:
                    await send(part)
                held.clear()

        await self.app(scope, receive, send_safe)
