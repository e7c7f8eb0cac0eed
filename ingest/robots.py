"""robots.txt -> what a host asks to be left alone, and how often it wants to be asked (RFC 9309)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protego import Protego

MOST_BYTES = 512_000  # RFC 9309, 2.5: at least 500 KiB must be read; the rest may be left
LONGEST_DELAY = 10.0  # seconds: some hosts ask for minutes, meant for crawlers of the whole site


@dataclass(frozen=True)
class Rules:
    """What one host allows to one visitor."""

    parsed: Protego | None = None  # None: everything
    agent: str = ""

    def allow(self, address: str) -> bool:
        return self.parsed is None or bool(self.parsed.can_fetch(address, self.agent))

    @property
    def delay(self) -> float:
        """Seconds between two requests, as the host asks, up to LONGEST_DELAY."""
        asked = self.parsed.crawl_delay(self.agent) if self.parsed else None
        return min(asked or 0.0, LONGEST_DELAY)


def read_rules(content: bytes, agent: str) -> Rules:
    """The rules for `agent`; whatever is no rule is passed over.

    By Protego, which Scrapy uses: `urllib.robotparser` of Python 3.11 knows neither the wildcards of RFC 9309 nor its
    longest match. Before 0.7 Protego made regular expressions of rules, which a host could make take for ever.
    """
    from protego import Protego

    return Rules(Protego.parse(content.decode("utf-8-sig", "replace")), agent)
