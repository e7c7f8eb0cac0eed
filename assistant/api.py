"""`POST /api/ask` for programs: the same question, and the same JSON in reply, as `career ask --json`.

{"question": …, "history"?: […], "articles"?: […]} is answered with one object; with `Accept: text/event-stream` or
"stream": true with events: `snapshot` while the answer grows, then `reply`, or `error`. Every error is {"error": one
line}: 400 for what is no such question, 404 for an article that is not there, 405, 413 and 415 for requests of another
kind, 422 for a question that is empty or too long, 503 while the library cannot answer. Nothing is logged of what was
asked.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyio import create_task_group
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from assistant.conversation import Reply
from assistant.desk import LONGEST_BODY, PATIENCE, Desk, Loader, TakeTurn, explain, read_question
from assistant.errors import CareerError, QuestionInvalid
from ingest.errors import ArticleUnknown

if TYPE_CHECKING:
    from assistant.answer import Question

RETRY_AFTER = "5"  # seconds
SNAPSHOT_SECONDS = 0.1  # between two of an answer that grows
FIELDS = ("question", "history", "articles", "stream")


def make_api(loader: Loader, take_turn: TakeTurn, patience: float = PATIENCE) -> ASGIApp:
    """The ASGI app to be mounted at /api/ask; what guards the page must stand before it.

    `take_turn` gives the turns to answer that the page gives, too: a context that waits, or raises a CareerError.
    """
    return AskEndpoint(Desk(loader, take_turn, patience=patience))


class Refused(Exception):
    """A request that is not read as a question."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class AskEndpoint:
    desk: Desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            question, in_parts = await _read_request(request)
        except Refused as error:
            await _tell_error(error.status, str(error))(scope, receive, send)
        except ClientDisconnect:
            return
        else:
            answer = self._send_parts if in_parts else self._send_whole
            await _work_while_connected(answer(question, request, send), receive)

    async def _send_whole(self, question: Question, request: Request, send: Send) -> None:
        try:
            async with aclosing(self.desk.stream(question)) as replies:
                response = _tell(200, _write([reply async for reply in replies][-1]))
        except Exception as error:
            response = _tell_error(*_explain(error))
        await response(request.scope, request.receive, send)

    async def _send_parts(self, question: Question, request: Request, send: Send) -> None:
        """Events; what fails before the first one is told by a status, as without them."""
        begun = False
        async with aclosing(_list_events(self.desk.stream(question))) as events:
            try:
                async for event in events:
                    if not begun:
                        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
                        await send({"type": "http.response.start", "status": 200, "headers": headers})
                        begun = True
                    await send({"type": "http.response.body", "body": event, "more_body": True})
            except Exception as error:
                status, message = _explain(error)
                if not begun:
                    await _tell_error(status, message)(request.scope, request.receive, send)
                    return
                event = _write_event("error", json.dumps({"error": message}))
                await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _work_while_connected(work: Awaitable[None], receive: Receive) -> None:
    """Do it, and leave it where it stands when the client has gone away."""
    async with create_task_group() as tasks:

        async def wait_for_leaving() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            tasks.cancel_scope.cancel()

        tasks.start_soon(wait_for_leaving)
        await work
        tasks.cancel_scope.cancel()


# -- the question -----------------------------------------------------------------------------------------------------


async def _read_request(request: Request) -> tuple[Question, bool]:
    """The question, and whether its answer is wanted in parts. Raises Refused."""
    if request.method != "POST":
        raise Refused(405, 'Ask with POST and {"question": "…"}.')
    if not _is_json(request.headers):
        raise Refused(415, "Send the question as application/json, in UTF-8.")
    given = _read_json(await _read_body(request))
    try:
        in_parts = given.pop("stream", False)
        if not isinstance(in_parts, bool):
            raise QuestionInvalid('"stream" is true or false.')
        question = await read_question(given)
    except QuestionInvalid as error:
        raise Refused(400, str(error)) from error
    return question, in_parts or "text/event-stream" in request.headers.get("accept", "")


def _is_json(headers: Headers) -> bool:
    """A page of another site cannot send this type without asking first, and nobody here would allow it."""
    kind, *parameters = (part.strip().lower() for part in headers.get("content-type", "").split(";"))
    in_utf_8 = all(parameter in ("", "charset=utf-8", 'charset="utf-8"') for parameter in parameters)
    return kind == "application/json" and in_utf_8 and headers.get("content-encoding", "identity") == "identity"


async def _read_body(request: Request) -> bytes:
    """Never more than LONGEST_BODY, whatever the request says of its length."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            raise Refused(413, f"At most {LONGEST_BODY:,} bytes are read. Shorten the history.")
    return body


def _read_json(body: bytes) -> dict[str, Any]:
    """An object with our fields and text that can be written back. Raises Refused."""
    try:
        given = json.loads(body.decode("utf-8"), object_pairs_hook=_refuse_twice, parse_constant=_refuse_constant)
        # No text with half characters, no number that is none: "\ud800", 1e999.
        json.dumps(given, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeError as error:
        raise Refused(400, "The text is not valid Unicode. Send UTF-8 without lone surrogates.") from error
    except RecursionError as error:
        raise Refused(400, 'The JSON is nested too deep. Send {"question": "…"}.') from error
    except ValueError as error:
        raise Refused(400, f'Not valid JSON ({_shorten(str(error))}). Send {{"question": "…"}}.') from error
    if not isinstance(given, dict):
        raise Refused(400, 'Send an object: {"question": "…"}.')
    if unknown := [name for name in given if name not in FIELDS]:
        raise Refused(400, f"{_shorten(unknown[0])}: no such field. There are {', '.join(FIELDS)}.")
    return given


def _refuse_twice(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Two programs may read the same field given twice as two different questions."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a field is given twice")
    return dict(pairs)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _shorten(text: str) -> str:
    """One short line of what may be anything."""
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())[:100]


# -- the reply --------------------------------------------------------------------------------------------------------


async def _list_events(replies: AsyncGenerator[Reply]) -> AsyncGenerator[bytes]:
    shown_at = -SNAPSHOT_SECONDS
    async with aclosing(replies):
        async for reply in replies:
            if time.monotonic() - shown_at >= SNAPSHOT_SECONDS:
                yield _write_event("snapshot", _write(reply))
                shown_at = time.monotonic()
    yield _write_event("reply", _write(reply))


def _write(reply: Reply) -> str:
    return json.dumps(reply.as_dict())  # as `career ask --json` does


def _write_event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def _explain(error: Exception) -> tuple[int, str]:
    """The status and the one line that a failure is told by."""
    kinds = {QuestionInvalid: 422, ArticleUnknown: 404, CareerError: 503, Exception: 500}
    return next(status for kind, status in kinds.items() if isinstance(error, kind)), explain(error)


def _tell_error(status: int, message: str) -> Response:
    headers = {405: {"Allow": "POST"}, 503: {"Retry-After": RETRY_AFTER}}.get(status, {})
    return _tell(status, json.dumps({"error": message}), **headers)


def _tell(status: int, body: str, **headers: str) -> Response:
    return Response(body, status, {"Cache-Control": "no-store", **headers}, media_type="application/json")
