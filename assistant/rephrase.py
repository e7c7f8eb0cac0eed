"""Follow-up + history -> a question that stands alone. Rules, no model: the same question gives the same search."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.conversation import Turn

OPENING = re.compile(r"^(?:(?:and|but|so|ok(?:ay)?|well|then|also|thanks|thank you|great)\b[\s,.!…]+)+(?=\S)", re.I)
WHAT_ABOUT = re.compile(r"^(?:(?:what|how) about|(?:the )?same (?:question )?for|what of)\s+", re.I)
COURTESY = re.compile(r"(?:thanks?|thank you|great|ok(?:ay)?|hi|hello|bye|no)\b[\s\w]{0,12}\W*", re.I)
WHY = re.compile(r"^(?:why|how come|how so|why (?:is|'s) (?:that|this|it)(?: so)?|why so)\W*$", re.I)
MORE = re.compile(
    r"^(?:(?:please )?(?:(?:can you )?tell me |say |give me |anything )?more(?: (?:about|on) (?:it|that|this|them))?"
    r"|go on|continue|yes|yes please|sure|yep|yeah|please do|(?:can you )?elaborate|(?:more )?details?|explain|and"
    r"|really)\W*$",
    re.I,
)
PERSONS = re.compile(r"\b(they|them|their|theirs|he|him|his|she|her)\b", re.I)
ONE = re.compile(
    r"\b(?:(?<=be )|(?<=become )|(?<=becoming )|(?<=need )|(?<=hire )|(?<=have )|(?<=get )|(?<=find ))one\b", re.I
)
# "it" and "that" point back when little else is said; "is it possible to …" and "the jobs that …" do not.
POINTS_BACK = re.compile(
    r"\b(?:is|are|was|does|do|did|can|could|will|would|has) (?:it|that|this|these|those)\b"
    r"(?! (?:\w+ )?(?:to|that|if|for)\b)"
    r"|\b(?:so|it|that|this|these|those)\W*$|\b(?:is|are) there\W*$",
    re.I,
)
# Who or what a question is about: a role ("registered nurses") or a field ("machine learning").
HEAD = re.compile(
    r"(?:[\w+#-]{2,}(?:eer|er|or|ist|ian|yst|ect|ant)|nurse|swe|mle|rn|aide|chef|pilot|clerk|guard|referee|umpire|athlete|coach|judge|surgeon|cook"
    r"|engineering|learning|science|programming|nursing|development)s?",
    re.I,
)
TOKEN = re.compile(r"[\w+#/&’'-]+|[^\w\s]")
NOT_A_ROLE = frozenset(
    """
    after answer better bigger career center computer consider corner cover differ earlier easier either enter
    ever expect factor faster former further greater harder higher however important indicator larger later
    latter letter lower major matter member minor monitor never newer number offer older order other outsider
    over paper per power prefer project quarter rather relevant remember senior junior significant smaller
    sector server shorter silver sooner user subject summer superior than their under vector water weather
    whether winter wonder younger for or
    """.split()
)
NOT_IN_SUBJECT = frozenset(
    """
    a an the and or for of to in on at by as with from than vs versus about between is are was were be do does
    did can could should would will must how what which who why when where much many more most less that this
    these those their its it i you we they my your our not if become becoming hire hiring average typical each
    every all any some no only new need needs earn earns make makes use uses choose every start starting tell me
    list explain compare give
    """.split()
)
PLACE = re.compile(
    r"(?:[Ii]n|[Aa]t|[Ff]or|[Oo]n|[Ww]ithin|[Oo]utside|[Aa]cross)\s+(?:the\s+)?(?:[A-Z][\w.]*|US|UK|EU)(?:[\s-][A-Z][\w.]*)*"
)
NAME = re.compile(r"[A-Z][\w.]*(?:[\s-][A-Z][\w.]*)*")
PLACE_AT_END = re.compile(r"\s+in\s+(?:the\s+)?[A-Z][\w.]*(?:[\s-][A-Z][\w.]*)*(?=\W*$)")
QUESTION_WORD = re.compile(
    r"(?:what|which|who|whom|whose|when|where|why|how|list|is|are|was|were|do|does|did|can|could|should|would|will|has|have)\b",
    re.I,
)
VERB = re.compile(
    r"\b(?:is|are|was|were|be|do|does|did|can|could|should|would|will|has|have|had|may|might|must|gets?|earns?|makes?"
    r"|needs?|uses?|works?|means?|becomes?|chooses?|hires?|tell|explain|compare|gives?|says?|learns?|looks?|knows?|takes?"
    r"|starts?|requires?|happens?|grows?)\b|n't\b",
    re.I,
)
# "in total", "with bonuses": narrows the question before it and asks nothing of its own.
NARROWING = re.compile(r"(?:in|at|with|without|by|on|per|after|before|during|under|over|since|until|including)\b", re.I)


WORDS = re.compile(r"[\w\s'’&/.,+#%$€£()-]+")
SHORT = 3  # words; a longer fragment without "and" or "what about" is a search of its own


@dataclass(frozen=True)
class _Topic:
    """What the conversation is about so far: the last question, standing alone, and the subject last named."""

    question: str
    subject: str


def rephrase(question: str, history: Sequence[Turn]) -> str:
    """The question as someone would ask it who starts with it; unchanged when it stands alone already."""
    topic = _Topic("", "")
    for turn in history:  # earlier questions may be follow-ups themselves
        if not turn.question.strip():
            continue
        earlier = turn.standalone or _complete(_one_line(turn.question), topic)
        topic = _Topic(earlier, next(iter(_find_subjects(earlier)), topic.subject))
    return _complete(_one_line(question), topic)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _complete(asked: str, topic: _Topic) -> str:
    if not topic.question:
        return asked
    if MORE.match(asked):
        return topic.question
    opened = OPENING.sub("", asked)
    rest = WHAT_ABOUT.sub("", opened)
    bare = rest.rstrip("?.! ")
    if COURTESY.fullmatch(asked) or not bare:
        completed = asked
    elif WHY.match(opened):
        completed = _ask_why(topic.question)
    elif PLACE.fullmatch(bare):
        completed = _move(topic.question, bare)
    elif rest != opened or (_is_fragment(bare) and (opened != asked or len(bare.split()) <= SHORT)):
        completed = _fill_in(bare, topic)
    else:
        completed = _point(asked, topic)
    return completed


def _is_fragment(bare: str) -> bool:
    return bool(WORDS.fullmatch(bare)) and not QUESTION_WORD.match(bare) and not VERB.search(bare)


def _ask_why(previous: str) -> str:
    """The reason of what was asked: "How much does X earn?" becomes "Why does X earn that much?"."""
    body = previous.rstrip("?.! ")
    lowered = body[:1].lower() + body[1:]
    if match := re.match(r"(?:do|does|did|is|are|can|should|will)\b", lowered):
        return f"Why {lowered[: match.end()]}{lowered[match.end() :]}?"
    if match := re.match(r"how (?:much|many|fast|well)\b.*?\b(do|does|did|is|are|will)\b", lowered):
        place = PLACE_AT_END.search(lowered)
        rest = PLACE_AT_END.sub("", lowered[match.end() :])
        return f"Why {match[1]}{rest} that much{place.group() if place else ''}?"
    return f"Why: {body}?"


def _move(previous: str, place: str) -> str:
    """The same question about another place."""
    return f"{PLACE_AT_END.sub('', previous.rstrip('?.! '))} {place[:1].lower()}{place[1:]}?"


def _fill_in(fragment: str, topic: _Topic) -> str:
    """A role or field takes the place of the one asked about before; anything else is asked of that one."""
    previous = topic.question.rstrip("?.! ")
    wanted = re.sub(r"^(?:for|of|about|as)\s+", "", fragment, flags=re.I)
    old, new = _find_subjects(previous), _find_subjects(wanted)
    if old and new and len(new[0].split()) >= len(re.sub(r"^(?:an?|the)\s+", "", wanted, flags=re.I).split()):
        return f"{_swap(previous, old[0], new[0])}?"
    if NAME.fullmatch(wanted) and PLACE_AT_END.search(previous):
        return _move(previous, f"in {wanted}")
    if NARROWING.match(fragment):
        return f"{previous}, {fragment}?"
    if topic.subject and not new:
        attribute = re.sub(r"^(?:their|its|his|her)\s+", "the ", wanted, flags=re.I)
        return f"What about {attribute} for {_with_article(topic.subject)}?"
    return f"{previous}, {fragment}?"


def _swap(question: str, old: str, new: str) -> str:
    """`old` replaced by `new` in the same number, and the article before it set right."""
    plural = old.endswith("s")
    put = (
        new if new.endswith("s") == plural or new.endswith("ing") else (new + "s" if plural else new.removesuffix("s"))
    )
    article = re.compile(rf"\b([Aa])n?(\s+){re.escape(old)}\b")
    if article.search(question):
        return article.sub(lambda match: f"{match[1]}{'n' * _sounds_open(put)}{match[2]}{put}", question, count=1)
    return re.sub(rf"\b{re.escape(old)}\b", lambda _: put, question, count=1)


def _sounds_open(word: str) -> bool:
    """True where the indefinite article is "an"; letters that are spelt out go by their names."""
    return bool(re.match(r"(?:[aeio]|u(?!ni|se)|[AEFHILMNORSX][A-Z]|ml\b)", word))


def _point(asked: str, topic: _Topic) -> str:
    """Pronouns replaced by what they stand for; a bare "that" gets the earlier question beside it."""
    named = _find_subjects(asked)
    person = PERSONS.search(asked)
    # "How do they differ from nurses?": who is named after the pronoun is somebody else.
    if topic.subject and (not named or (person and person.start() < asked.find(named[0]))):
        plural = topic.subject if topic.subject.endswith(("s", "ing")) else topic.subject + "s"
        if person:
            put = plural + "'" * (person[1].lower() in ("their", "theirs", "his", "her"))
            return asked[: person.start()] + put + asked[person.end() :]
        if ONE.search(asked):
            return ONE.sub(_with_article(topic.subject.removesuffix("s")), asked, count=1)
    if POINTS_BACK.search(asked) and len(asked.split()) <= 8:
        return f"{asked.rstrip('?.! ')} ({topic.question.rstrip('?.! ')})?"
    return asked


def _find_subjects(question: str) -> list[str]:
    """The roles and fields that a question names, in order, each with up to three words before its head."""
    tokens = TOKEN.findall(question)
    found = []
    start = 0
    for place, token in enumerate(tokens):
        if not _can_modify(token):
            start = place + 1
        elif _is_head(token) and not (place + 1 < len(tokens) and _is_head(tokens[place + 1])):
            found.append(" ".join(tokens[max(start, place - 3) : place + 1]))
            start = place + 1
    return found


def _can_modify(token: str) -> bool:
    return (token[0].isalnum() or len(token) > 1) and token.lower() not in NOT_IN_SUBJECT


def _is_head(token: str) -> bool:
    return bool(HEAD.fullmatch(token)) and token.lower().removesuffix("s") not in NOT_A_ROLE


def _with_article(subject: str) -> str:
    if subject.endswith(("s", "ing", "science")):
        return subject
    return f"an {subject}" if _sounds_open(subject) else f"a {subject}"
