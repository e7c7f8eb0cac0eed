"""The prompts of a report: each with its answer, the quotes with the facts they hold, its passages, and what failed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from assistant.conversation import Citation, ScoredPassage
from assistant.evaluation.compare import Comparison
from assistant.evaluation.facts import Fact, Span, find_fact
from assistant.evaluation.judge import Judgement
from assistant.evaluation.measures import STEPS, Result
from assistant.evaluation.plots import name_groups

MARK = re.compile(r" ?(?:\[(\d+)\]|\[unverified\])")


def render_filters(results: Sequence[Result], comparison: Comparison | None) -> str:
    """A line of controls; without scripts all prompts are simply shown."""
    tags = sorted({name for result in results for name in name_groups(result)})
    steps = [step for step in STEPS if any(result.step == step for result in results)]
    outcomes = ["all", "wrong", "right", *(["moved"] if comparison and comparison.changes else [])]
    chips = "".join(
        f'<label><input type="radio" name="outcome" value="{name}"{" checked" if name == "all" else ""}>{name}</label>'
        for name in outcomes
    )
    return (
        '<form class="filters" aria-label="Filter the prompts"><input type="search" name="words" '
        f'placeholder="Search questions and answers" aria-label="Search"><fieldset class="chips">{chips}</fieldset>'
        f"{_render_choice('tag', 'every tag', tags)}{_render_choice('step', 'any step', steps)}"
        f"{_render_choice('kind', 'both kinds', ['answerable', 'unanswerable'])}"
        f'<output aria-live="polite">{len(results)} prompts</output></form>'
    )


def _render_choice(name: str, every: str, values: Iterable[str]) -> str:
    options = "".join(f'<option value="{escape(value)}">{escape(value)}</option>' for value in values)
    return (
        f'<select name="{name}" aria-label="{name}"><option value="">{every}</option>{options}</select>'
        if options
        else ""
    )


def render_prompts(
    results: Sequence[Result], comparison: Comparison | None, judgements: Mapping[str, Judgement]
) -> str:
    """Every prompt, wrong ones first."""
    before = {change.where: change.before for change in comparison.changes} if comparison else {}
    numbered = sorted(enumerate(results), key=lambda pair: pair[1].passed)
    return "".join(
        _render_prompt(number, result, before.get(result.prompt.where, ""), judgements.get(result.prompt.where))
        for number, result in numbered
    )


def _render_prompt(number: int, result: Result, before: str, judgement: Judgement | None) -> str:
    prompt = result.prompt
    outcome = "right" if result.passed else "wrong"
    data = {
        "outcome": f"{outcome} {'moved' if before else ''}".strip(),
        "tags": "\n".join(name_groups(result)),
        "step": result.step,
        "kind": "answerable" if prompt.answerable else "unanswerable",
    }
    attributes = " ".join(f'data-{name}="{escape(value)}"' for name, value in data.items())
    parts = (
        _render_failures(result),
        _render_asked(result),
        _render_answer(number, result),
        render_expected(result),
        _render_quotes(number, result),
        _render_passages(result),
        _render_judgement(judgement),
        f'<p class="where">{escape(prompt.where)}{f" · {escape(prompt.note)}" if prompt.note else ""}</p>',
    )
    return (
        f'<details class="prompt {outcome}" {attributes}>{_render_summary(result, outcome, before)}'
        f'<div class="inside">{"".join(parts)}</div></details>\n'
    )


def _render_summary(result: Result, outcome: str, before: str) -> str:
    tags = "".join(f'<span class="tag">{escape(name)}</span>' for name in name_groups(result))
    was = f'<span class="tag was">was {escape(before)}</span>' if before else ""
    why = f'<span class="why">{escape(result.failures[0])}</span>' if result.failures else ""
    time = f'<span class="time">{1000 * result.reply.seconds:,.0f} ms</span>'
    return (
        f'<summary><span class="outcome">{outcome}</span><span class="question">{escape(result.prompt.question)}{why}'
        f'</span><span class="aside">{was}{tags}{time}</span></summary>'
    )


def _render_failures(result: Result) -> str:
    if result.passed:
        return ""
    items = "".join(f"<li>{escape(failure)}</li>" for failure in result.failures)
    return (
        f'<div class="failures"><p><b>{escape(result.step)}</b>: {escape(STEPS[result.step])}</p><ul>{items}</ul></div>'
    )


def _render_asked(result: Result) -> str:
    """The questions before, and what was searched for when that is another question."""
    turns = "".join(f"<li>{escape(turn.question)}</li>" for turn in result.prompt.history)
    earlier = f'<p class="label">After</p><ol class="history">{turns}</ol>' if turns else ""
    searched = result.reply.standalone_question
    if not searched or searched.strip() == result.prompt.question.strip():
        return earlier
    return f'{earlier}<p class="label">Searched for</p><p>{escape(searched)}</p>'


def _render_answer(number: int, result: Result) -> str:
    pieces, done, text = [], 0, result.reply.text
    known = {citation.number for citation in result.reply.citations}
    for found in MARK.finditer(text):
        gap = "\u00a0" if found[0].startswith(" ") else ""  # a mark stays with its last word
        pieces += [escape(text[done : found.start()]), gap, _render_mark(number, found, known)]
        done = found.end()
    kind = "answer" if result.reply.answered else "answer refusal"
    return f'<p class="label">Answer</p><div class="{kind}">{"".join(pieces)}{escape(text[done:])}</div>'


def _render_mark(number: int, found: re.Match[str], known: set[int]) -> str:
    if found[1] and int(found[1]) in known:
        return f'<a class="mark" href="#q{number}-{found[1]}">{found[1]}</a>'
    return f'<span class="mark loose">{escape(found[0].strip())}</span>'


def render_expected(result: Result) -> str:
    """What a right reply holds, each with whether this one does."""
    prompt = result.prompt
    lines = [(str(fact), fact not in result.missing_facts, "a quote holds") for fact in prompt.facts]
    lines += [(str(fact), fact not in result.said_forbidden, "not said") for fact in prompt.forbidden]
    lines += [(" or ".join(prompt.articles), result.right_article, "cites")] if prompt.articles else []
    lines += [(" or ".join(prompt.headings), result.right_heading, "cites from")] if prompt.headings else []
    if not prompt.answerable:
        lines.append(("the articles do not say", not result.reply.answered, "refused"))
    items = "".join(
        f'<li class="{"held" if held else "lacking"}"><small>{escape(label)}</small> {escape(text)}</li>'
        for text, held, label in lines
    )
    return f'<p class="label">Expected</p><ul class="expected">{items}</ul>' if items else ""


def _render_quotes(number: int, result: Result) -> str:
    if not result.reply.citations:
        return ""
    quotes = "".join(_render_quote(number, citation, result.prompt.facts) for citation in result.reply.citations)
    return f'<p class="label">Quotes</p><ol class="quotes">{quotes}</ol>'


def _render_quote(number: int, citation: Citation, facts: Sequence[Fact]) -> str:
    place = " · ".join(dict.fromkeys(filter(None, (citation.title, citation.heading, citation.published))))
    return (
        f'<li id="q{number}-{citation.number}"><span class="mark">{citation.number}</span><blockquote>'
        f"{_mark_facts(citation.quote, facts)}</blockquote><cite>{escape(place)}</cite></li>"
    )


def _mark_facts(text: str, facts: Sequence[Fact]) -> str:
    """The text, escaped, with every fact that it holds in <mark>."""
    pieces, done = [], 0
    for start, end in _merge(span for fact in facts for span in find_fact(text, fact)):
        pieces += [escape(text[done:start]), f"<mark>{escape(text[start:end])}</mark>"]
        done = end
    return "".join((*pieces, escape(text[done:])))


def _merge(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _render_passages(result: Result) -> str:
    if not result.reply.passages:
        return ""
    items = "".join(_render_passage(found, result.prompt.facts) for found in result.reply.passages)
    best = {0: "none of them right", 1: "the first of them right"}.get(result.rank, f"the right one at {result.rank}")
    told = f"{len(result.reply.passages)} passages{f', {best}' if result.relevant else ''}"
    return f'<details class="passages"><summary>{told}</summary><ol>{items}</ol></details>'


def _render_passage(found: ScoredPassage, facts: Sequence[Fact]) -> str:
    place = " › ".join((found.passage.title, *found.passage.headings))
    return (
        f'<li><p class="place">{escape(place)} <small>{found.score:.2f}</small></p>'
        f"<p>{_mark_facts(found.passage.text, facts)}</p></li>"
    )


def _render_judgement(judgement: Judgement | None) -> str:
    if judgement is None:
        return ""
    score = f"{judgement.score} of 5" if judgement.score else "no score"
    return f'<p class="label">The judge\'s view</p><p>{score}. {escape(judgement.reason)}</p>'
