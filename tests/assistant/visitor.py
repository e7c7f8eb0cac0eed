"""A visitor that speaks to the page's server as its own script in a browser does."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass
class Visitor:
    """One browser with one tab. `client` keeps its cookies."""

    client: httpx.Client
    session: str = field(default_factory=lambda: secrets.token_hex(6))

    @classmethod
    def at(cls, address: str, **options: Any) -> Visitor:
        """Visit the page, so that its cookie is there, and log in where a password is given."""
        password = options.pop("password", "")
        client = httpx.Client(base_url=address, trust_env=False, timeout=60, follow_redirects=True, **options)
        if password:
            client.post("login", data={"password": password}).raise_for_status()
        client.get("").raise_for_status()
        return cls(client)

    def join(self, question: str) -> httpx.Response:
        """Ask in a new conversation, of all articles."""
        function = self._find_event("ask")
        asked = {
            "data": [question, *([] for _ in function["inputs"][1:])],
            "fn_index": function["id"],
            "session_hash": self.session,
            "event_data": None,
            "trigger_id": None,
        }
        return self.client.post("gradio_api/queue/join", json=asked)

    def find_function(self, name: str = "ask") -> int:
        return int(self._find_event(name)["id"])

    def _find_event(self, name: str) -> dict[str, Any]:
        functions = self.client.get("config").raise_for_status().json()["dependencies"]
        found: dict[str, Any] = next(each for each in functions if each["api_name"] == name)
        return found

    def listen(self) -> Iterator[dict[str, Any]]:
        """What the server sends until it has nothing more to send."""
        with self.client.stream("GET", "gradio_api/queue/data", params={"session_hash": self.session}) as stream:
            if stream.status_code != 200:
                yield {"msg": "refused", "status": stream.status_code}
                return
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def ask(self, question: str) -> str:
        """All HTML that was sent while the question was answered."""
        self.join(question).raise_for_status()
        return "\n".join(json.dumps(message) for message in self.listen())


def read_until(messages: Iterator[dict[str, Any]], words: str) -> None:
    """Read what the server sends up to the message that holds these words. Raises StopIteration where none does."""
    while words not in json.dumps(next(messages)):
        pass
