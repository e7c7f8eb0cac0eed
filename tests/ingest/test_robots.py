"""What robots.txt asks of us (RFC 9309)."""

from __future__ import annotations

import time

import pytest

from ingest.robots import LONGEST_DELAY, Rules, read_rules


def read(text: str) -> Rules:
    return read_rules(text.encode(), "career-assistant")


def test_the_longest_rule_that_fits_decides() -> None:
    rules = read("User-agent: *\nDisallow: /pay\nAllow: /pay/nurses\nDisallow: /*?print=")
    assert not rules.allow("https://a.example/pay/doctors")
    assert rules.allow("https://a.example/pay/nurses/2026")
    assert not rules.allow("https://a.example/about?print=1")


def test_rules_for_us_take_the_place_of_the_rules_for_all() -> None:
    rules = read("User-agent: *\nDisallow: /\n\nUser-agent: Career-Assistant\nDisallow: /private")
    assert rules.allow("https://a.example/pay")
    assert not rules.allow("https://a.example/private/pay")


@pytest.mark.parametrize(
    "text", ["", "<html>Not found</html>", "Disallow: /", "\ufeffUser-agent: x\nDisallow: /", "\0"]
)
def test_what_holds_no_rule_for_us_allows_everything(text: str) -> None:
    assert read(text).allow("https://a.example/pay")


@pytest.mark.parametrize(
    ("asked", "delay"), [("2.5", 2.5), ("86400", LONGEST_DELAY), ("-1", 0), ("soon", 0), ("inf", 0)]
)
def test_a_delay_is_kept_within_what_a_person_would_wait_for(asked: str, delay: float) -> None:
    assert read(f"User-agent: *\nCrawl-delay: {asked}").delay == delay


def test_hostile_rules_take_no_time() -> None:
    begun = time.monotonic()
    rules = read("User-agent: *\n" + f"Disallow: /{'*a' * 200}b$\n" * 1_000)
    assert rules.allow(f"https://a.example/{'a' * 2_000}")
    assert time.monotonic() - begun < 5
