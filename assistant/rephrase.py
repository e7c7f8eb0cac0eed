"""Follow-up + history -> a question that stands alone. Rules, no model: the same question gives the same search."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.conversation import Turn

OPENING = re.compile(r"^\s*(?:(?:and|but|so|ok(?:ay)?|well|then|also|hm+|thanks|thank you|great)\b[\s,.!…]*)+", re.I)
WHAT_ABOUT = re.compile(r"^(?:(?:what|how) about|and what of|same (?:question )?for|for)\s+", re.I)
WHY = re.compile(r"^(?:why|how come|how so|why(?: is| 's|'s) (?:that|this|it)(?: so)?)\W*$", re.I)
MORE = re.compile(
    r"^(?:(?:please )?(?:tell me |say |give me |anything )?more(?: about (?:it|that|this|them))?|go on|continue|yes|yes please|sure|yep|yeah|please do|elaborate|details?|explain|can you elaborate|and\?*|really|is that (?:so|true|right))\W*$",
    re.I,
)
PRONOUN = re.compile(r"\b(?:they|them|their|theirs|it|its|he|him|his|she|her|one|ones|that|those|this|these)\b", re.I)
# "that" and "this" before a noun, or joining two clauses, point at nothing earlier.
POINTING = re.compile(r"\b(they|them|their|theirs|he|him|his|she|her|it|its|that|this|those|these|one)\b(?=\s*(?:$|[?.!,;]|is\b|are\b|do\b|does\b|did\b|earn|need|use|get|make|work|have\b|has\b|pay|start|cost|grow|differ|require|mean|take|become|learn|know|full|instead|too|for\b|to\b|in\b|at\b|as\b|with\b|than\b))", re.I)
ROLE = re.compile(
    r"\b((?:(?:[a-z][\w+#/-]*|[A-Z][\w+#/-]*)\s+){0,3}?(?:[\w+#-]*(?:engineer|developer|scientist|analyst|manager|nurse|teacher|programmer|designer|architect|consultant|technician|specialist|researcher|assistant|director|therapist|mechanic|carpenter|writer|editor|operator|inspector|administrator|lawyer|doctor|accountant|paralegal|agent|broker|athlete|coach|worker|installer|repairer|geographer|psychologist|dosimetrist|microbiologist|chiropractor|receptionist|planner|appraiser|machinist)|swe|mle|dev|rn)s?)\b",
    re.I,
)
NOT_IN_ROLE = frozenset(
    "a an the and or for of to in on at is are was were be do does did can could should would will how what which who why when where much many more most less than vs versus as with by from that this these those their its it they i you we my your our does a not if between becoming become hire hiring average typical every all new other another any some each only best good senior's need needs earn earns paid pay use uses".split()  # fmt: skip
)
PLACE = re.compile(r"^(?:in|at|for|on|within|outside|across)\s+(?:the\s+)?[A-Z][\w.]*(?:[\s-][A-Z][\w.]*)*$")
PLACE_IN_QUESTION = re.compile(r"\s+in\s+(?:the\s+)?(?:[A-Z][\w.]*(?:[\s-][A-Z][\w.]*)*)(?=\W*$)")
VERB = re.compile(
    r"\b(?:is|are|was|were|be|do|does|did|can|could|should|would|will|has|have|had|may|might|must|get|gets|earn|earns|make|makes|need|needs|use|uses|work|works|pay|pays|mean|means|become|choose|hire|grow|outsource|tell|list|explain|compare|give|say|says|learn|cost|costs|look|looks|know|take|takes|start|change|bake|won|differ|require|requires|happen)\b|n't\b",
    re.I,
)
QUESTION_WORD = re.compile(r"^(?:what|which|who|whom|whose|when|where|why|how|list|is|are|do|does|did|can|could|should|would|will|has|have)\b", re.I)


def rephrase(question: str, history: Sequence[Turn]) -> str:
    """The question as it would be asked by someone who starts with it; itself when it stands alone already."""
    asked = " ".join(question.split())
    if not history:
        return asked
    previous = ""
    for turn in history:  # earlier questions may be follow-ups themselves
        previous = turn.standalone or _complete(" ".join(turn.question.split()), previous)
    return _complete(asked, previous)


def _complete(asked: str, previous: str) -> str:
    if not previous:
        return asked
    opened = OPENING.sub("", asked)
    rest = WHAT_ABOUT.sub("", opened).strip()
    bare = rest.rstrip("?.! ")
    if MORE.match(asked) or not bare:
        return previous
    if WHY.match(opened):
        return _ask_why(previous)
    follows = rest != asked
    if PLACE.match(bare):
        return _move(previous, bare)
    if _is_fragment(bare) and (follows or len(bare.split()) <= 5):
        return _fill_in(bare, previous)
    return _replace_pronouns(asked, previous)


def _ask_why(previous: str) -> str:
    body = previous.rstrip("?.! ")
    lowered = body[:1].lower() + body[1:] if not body[:2].isupper() else body
    if match := re.match(r"(?:do|does|did|is|are|can|should|will)\b", lowered):
        return f"Why {match.group()}{lowered[match.end() :]}?"
    if match := re.match(r"how (?:much|many|fast|well)\b.*?\b(do|does|did|is|are|will)\b", lowered):
        return f"Why {match[1]}{lowered[match.end() :]} that much?"
    return f"Why: {body}?"


def _move(previous: str, place: str) -> str:
    """The same question about another place."""
    body = PLACE_IN_QUESTION.sub("", previous.rstrip("?.! "))
    return f"{body} {place}?"


def _is_fragment(bare: str) -> bool:
    return not QUESTION_WORD.match(bare) and not VERB.search(bare)


def _fill_in(fragment: str, previous: str) -> str:
    """"a software engineer" takes the place of the role asked about; anything else is asked of that role."""
    wanted = re.sub(r"^(?:for|of|about|with|as|from)\s+", "", fragment, flags=re.I)
    old = _find_subjects(previous)
    new = _find_subjects(wanted)
    if old and new and len(new[0].split()) >= len(wanted.split()) - 1:
        return _put(previous, old[-1] if len(old) == 1 else old[0], new[0])
    if old and not new:
        return f"{_capitalise(fragment)} for {_with_article(old[0])}?" if not _is_addition(fragment) else f"{previous.rstrip('?.! ')}, {fragment}?"
    return f"{previous.rstrip('?.! ')}, {fragment}?"


def _is_addition(fragment: str) -> bool:
    """"in total, with bonuses" narrows the question before it and asks nothing of its own."""
    return bool(re.match(r"(?:in|at|with|without|by|on|per|after|before|during|under|over|since|until|including)\b", fragment, re.I))


def _put(question: str, old: str, new: str) -> str:
    plural = old.endswith("s")
    put = new if new.endswith("s") == plural else (new + "s" if plural else new.removesuffix("s"))
    swapped = re.sub(rf"\b{re.escape(old)}\b", lambda _: put, question, count=1)
    return re.sub(r"\b([Aa])n? (?=\w)", lambda m: f"{m[1]}n " if _sounds_open(swapped[m.end() :]) else f"{m[1]} ", swapped)


def _sounds_open(rest: str) -> bool:
    return bool(re.match(r"(?:[aeio]|un[^i]|ML\b|M[A-Z]|[FHLNRS][A-Z])", rest)) or rest[:2].lower() in ("ml",)


def _replace_pronouns(asked: str, previous: str) -> str:
    subjects = _find_subjects(previous)
    if not subjects or _find_subjects(asked):
        return asked
    match = POINTING.search(asked)
    if not match:
        return asked
    word, subject = match[1].lower(), subjects[0]
    plural = subject if subject.endswith("s") else subject + "s"
    if word in ("their", "theirs", "its", "his", "her"):
        put = plural + "'"
    elif word == "one":
        put = _with_article(subject)
    elif word in ("that", "this", "it") and not _is_thing(previous):
        return f"{asked.rstrip('?.! ')} ({previous.rstrip('?.! ')})?"
    else:
        put = plural
    return asked[: match.start()] + put + asked[match.end() :]


def _is_thing(previous: str) -> bool:
    return False


def _find_subjects(question: str) -> list[str]:
    """The roles that a question names, in order."""
    found = []
    for match in ROLE.finditer(question):
        words = match[1].split()
        while words and words[0].lower() in NOT_IN_ROLE:
            words.pop(0)
        cut = max((i for i, word in enumerate(words[:-1]) if word.lower() in NOT_IN_ROLE), default=-1)
        if words[cut + 1 :]:
            found.append(" ".join(words[cut + 1 :]))
    return found


def _with_article(subject: str) -> str:
    if subject.endswith("s"):
        return subject
    return f"an {subject}" if _sounds_open(subject) else f"a {subject}"


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]
