"""The web, as a polite visitor asks it: redirects checked one by one, robots.txt heeded, each host at its own pace."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count

import httpcore
import httpx

from ingest.addresses import parse_address, show
from ingest.article import Validators
from ingest.connection import Budget, Network
from ingest.download import ACCEPT, AGENT, Answer, Most, request
from ingest.errors import ArticleUnreachable, SourceRefused
from ingest.robots import MOST_BYTES, Rules, read_rules
from ingest.settings import IngestSettings

MAX_REDIRECTS = 5
PATIENCE = 60.0  # seconds that a person is kept waiting for one source by hosts that are busy or slow by wish
RETRIES = 3  # after 1, 2 and 4 s, or when the host says
REST = 300.0  # seconds for which a host that stayed busy is not asked again

_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (429, 503)


class Web:
    """Fetches addresses for one ingest, and remembers of each host its robots.txt and when it may be asked again."""

    def __init__(self, settings: IngestSettings, network: Network) -> None:
        self._settings = settings
        self._network = replace(network, open_hosts=network.open_hosts | settings.allowed_hosts)
        self._rules: dict[str, Rules | str] = {}  # by scheme, host and port; or why there are none
        self._free_at: dict[str, float] = {}  # by host: time.monotonic() before which it is left alone

    def download(self, address: str, validators: Validators) -> Answer:
        """The page behind `address`, after at most five redirects; or status 304 when it is as the validators say.

        Raises SourceRefused for what must not be fetched, ArticleUnreachable when nothing came back in time, and
        SourceUnreadable for too many bytes.
        """
        budget = Budget(address, self._settings.fetch_timeout, PATIENCE)
        most = Most(self._settings.fetch_max_bytes)

        def visit(url: httpx.URL, hop: int) -> Answer:
            self._check_robots(url, budget)
            return self._ask(url, {"Accept": ACCEPT, **_write_conditions(validators, hop)}, budget, most)

        with _told(budget):
            answer = self._follow(parse_address(address, address), budget, visit)
        if answer.status != 200 and not (answer.status == 304 and _write_conditions(validators, 0)):
            raise ArticleUnreachable(f"{address}: the server answered {answer.told}. Check the address.")
        return answer

    def _follow(self, url: httpx.URL, budget: Budget, visit: Callable[[httpx.URL, int], Answer]) -> Answer:
        """The answer at the end of at most five redirects, each address checked as the first was."""
        for hop in range(MAX_REDIRECTS + 1):
            answer = visit(url, hop)
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer
            url = _resolve_redirect(url, answer.headers["location"], budget.source)
        raise ArticleUnreachable(
            f"{budget.source}: more than {MAX_REDIRECTS} redirects. Name the address they lead to."
        )

    def _check_robots(self, url: httpx.URL, budget: Budget) -> None:
        """Raises SourceRefused when robots.txt forbids `url`, ArticleUnreachable when it cannot be read."""
        if not self._settings.robots:
            return
        place = _find_robots(url)
        if place not in self._rules:
            self._rules[place] = self._fetch_rules(place, budget)
            self._rest(url, 0.0)  # again: only now it is known what delay the host asks for
        rules = self._rules[place]
        if isinstance(rules, str):
            raise ArticleUnreachable(f"{budget.source}: {rules}")
        if not rules.allow(str(url)):
            raise SourceRefused(
                f"{budget.source}: {place} asks programs to leave this page alone. Save the page as a file, or set "
                "CAREER_ROBOTS=false if you may read it all the same."
            )

    def _fetch_rules(self, place: str, budget: Budget) -> Rules | str:
        """The rules of a host; or why not even its robots.txt can be had, so that its other pages need not try.

        RFC 9309, 2.3.1: without a robots.txt (4xx) everything is allowed; while it cannot be read, nothing is.
        """
        try:
            answer = self._follow(
                httpx.URL(place), budget, lambda url, _: self._ask(url, {}, budget, Most(MOST_BYTES, cut=True))
            )
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError):
            self._rules[place] = "its host did not answer before. Try again later."  # the next source's message
            raise
        if answer.status == 200:
            return read_rules(answer.content, AGENT)
        if 400 <= answer.status < 500:
            return Rules()
        return (
            f"{place} cannot be read (the server answered {answer.told}), and until it can, no page of this host may "
            "be (RFC 9309). Try again later, or set CAREER_ROBOTS=false."
        )

    def _ask(self, url: httpx.URL, headers: dict[str, str], budget: Budget, most: Most) -> Answer:
        """The host's answer when it is its turn; a host that is busy is asked again, a few times and ever later."""
        for tries in count():
            self._await_turn(_find_host(url), budget)
            answer = request(url, headers, self._network, budget, most)
            self._rest(url, 0.0)
            if answer.status not in _BUSY:
                return answer
            asked = _read_retry_after(answer.headers.get("retry-after", ""))
            rest = REST if tries == RETRIES else 2.0**tries if asked is None else asked
            self._rest(url, rest)
        raise AssertionError  # count() never ends

    def _await_turn(self, host: str, budget: Budget) -> None:
        wait = self._free_at.get(host, 0.0) - time.monotonic()
        if wait <= 0:
            return
        if wait > budget.patience:
            raise ArticleUnreachable(
                f"{budget.source}: {host} is busy and wants to be left alone for {wait:.0f} s. Try again later."
            )
        budget.pause(wait)
        self._network.sleep(wait)

    def _rest(self, url: httpx.URL, seconds: float) -> None:
        """Leave a host alone from now on, for no less than it and the settings ask between any two requests."""
        rules = self._rules.get(_find_robots(url))
        delay = rules.delay if isinstance(rules, Rules) else 0.0
        self._free_at[_find_host(url)] = time.monotonic() + max(seconds, delay, self._settings.fetch_delay)


def _find_host(url: httpx.URL) -> str:
    """As it is looked up: `url.host` puts "xn--" names into letters, and raises for those it does not know."""
    return url.raw_host.decode("ascii")


def _find_robots(url: httpx.URL) -> str:
    return str(url.copy_with(raw_path=b"/robots.txt"))


@contextmanager
def _told(budget: Budget) -> Iterator[None]:
    """What goes wrong on the network, in one line."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise budget.timed_out() from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        reason = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
        raise ArticleUnreachable(f"{budget.source}: {show(reason)}. Check the address and the network.") from error


def _write_conditions(validators: Validators, hop: int) -> dict[str, str]:
    """The headers that ask for a page only if it has changed (RFC 9110, 13.1).

    The validators are those of the page at the end of the redirects. Behind one, only the ETag is sent: it names one
    version of one page, while a date says nothing of another page that an address leads to by now.
    """
    said = {"If-None-Match": validators.etag}
    if hop == 0:
        said["If-Modified-Since"] = validators.last_modified
    return {name: value for name, value in said.items() if value and value.isascii() and value.isprintable()}


def _resolve_redirect(url: httpx.URL, location: str, source: str) -> httpx.URL:
    try:
        target = str(url.join(location))
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise SourceRefused(f"{source}: redirects to an unusable address. Name the page itself.") from error
    return parse_address(target, source)


def _read_retry_after(text: str) -> float | None:
    """Seconds, from seconds or from a date (RFC 9110, 10.2.3); None for neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())
