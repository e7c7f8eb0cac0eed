"""What on a web page is not the article: menus, banners, pop-ups, author boxes. General rules only, none for a site.

Every rule gives way where following it would cost a good part of the page's prose: sites put their whole article into
a form (ASP.NET), into <div class="has-sidebar"> or into tabs that are hidden until clicked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml.html import HtmlElement

from ingest.markdown import one_line

BLOCK_TAGS = frozenset(
    (
        "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset "
        "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav ol p pre "
        "section summary table tbody td tfoot th thead tr ul "
    ).split()
)
HEADING_TAGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))

_NEVER_TEXT = frozenset(
    (
        "script style noscript template svg iframe object embed applet select option optgroup datalist "
        "textarea input canvas audio video map area head link meta title base dialog progress meter picture "
        "img source track del s strike rp "
    ).split()
)
_FURNITURE_TAGS = frozenset(("nav", "footer", "form", "menu"))
_FURNITURE_ROLES = frozenset(
    "navigation banner contentinfo complementary search dialog alertdialog menu menubar tablist toolbar tooltip "
    "alert".split()
)
_CONTAINERS = frozenset(
    ("div", "section", "aside", "ul", "ol", "dl", "header", "footer", "nav", "address", "details", "figure")
)

# Words of class names and ids, read as the designers of many sites use them.
_ANYWHERE = re.compile(
    r"skip(?:-?(?:link|nav|to|content))+.*|(?:visually|sr|screen-reader)-?(?:hidden|only|text).*|visuallyhidden|"
    r"sronly|invisible|(?:edit|mw-editsection).*|headerlink|anchor-?link|permalink|by-?line.*|post(?:ed)?-(?:on|"
    r"by|meta|info|author|date)|entry-(?:meta|date|footer)|article-(?:meta|tools.*|info)|reading-time|read-time|"
    r"share.*|social.*"
)
_CONTAINER_WORDS = re.compile(
    r".*cookie.*|.*consent.*|gdpr.*|ccpa.*|onetrust.*|.*breadcrumb.*|crumbs|nav|navbar|navigation|.+-nav|nav-.+|"
    r".+-navigation|menu|.+-menu|menu-.+|submenu|toolbar|.*sharing.*|.*sharedaddy.*|.*share-.*|.+-share|"
    r".*social-.*|.*newsletter.*|subscribe.*|.*-subscribe|sign-?up.*|.*mailing-list.*|related|related-(?:posts?|"
    r"articles?|content|links?|stories|news|items|pages|resources|topics)|.*-related|.*relatedposts.*|recommend.*|"
    r".*recommendations|read-(?:more|next)|.*you-may.*|more-(?:from|stories|posts|articles)|.*outbrain.*|"
    r".*taboola.*|promo|promo-.*|.*-promo|ad|ads|ad-.*|ads-.*|.*advert.*|sponsor.*|comments?|comment-.*|"
    r"comments-.*|comment(?:s|list|form|respond)|disqus.*|respond|footer|.*-footer|site-?footer|footer-(?:nav|"
    r"links|widgets|menu|wrapper|container)|sidebar.*|.*-sidebar|widget|widget-area|widgets?|pop-?up.*|.*-pop-?up|"
    r"modal.*|.*-modal|lightbox.*|toast|pagination|pager|post-navigation|toc|table-of-contents|.*author-?(?:box|"
    r"bio|info|card|profile|block|about|details?)|about-(?:the-)?author.*|post-author.*|bio|.*-bio|bio-.*|tags?|"
    r"tag-?links|cat-?links|tag-?list|post-tags|categories|no-?print|d-print-none|printer?-friendly.*|print-.*|"
    r"citation|cite-this|suggested-citation|how-to-cite|masthead|site-?header|top-?bar|.*alert-?bar|"
    r"announcement.*|back-to-top|scroll-top|language-switcher|lang-switcher|paywall.*|banner|.*-banner|"
    r".*feedback.*|was-this-.*|rating|ratings"
)
_MODIFIERS = frozenset(("no", "not", "has", "with", "without", "is", "js", "hide"))
_NOTE_WORDS = re.compile(
    r".*(?:note|tip|warning|caution|important|admonition|callout|hint|pull-?quote|infobox|definition|example).*"
)
_TAB_WORDS = re.compile(r".*(?:tab|pane|panel|accordion|collaps|toggle|faq|expand|step|slide|spoiler).*")
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:^|;|\s)height\s*:\s*0(?:px)?\s*(?:;.*)?overflow\s*:\s*hidden|"
    r"(?:^|;|\s)height\s*:\s*0(?:px)?\s*;(?=.*overflow\s*:\s*hidden)",
    re.IGNORECASE | re.DOTALL,
)
_LABELS = re.compile(
    r"skip to .{0,30}|(?:back|return|scroll) to (?:the )?top|advertisements?|ad|sponsored|"
    r"print(?:er[- ]friendly)?(?: version)?|print this page|e-?mail this page|share(?: (?:this|on|"
    r"via) .{0,40})?:?|tweet|pin it|follow us.{0,30}|menu|close|search|(?:page )?last (?:modified|updated|"
    r"reviewed)(?: date| on)?:? .{0,40}|sign up|log ?in|subscribe(?: now)?|read more|loading.{0,3}|(?:©|"
    r"copyright\b).{0,120}|all rights reserved\.?|please enable javascript.{0,60}|click to share.{0,60}|"
    r"cite this.{0,20}|reply|leave a (?:reply|comment)|no comments(?: yet)?|(?:view |add )?\d* ?comments?|"
    r"in this article|on this page|copy link|about this section|show (?:more|less)|expand all|collapse all|"
    r"(?:previous|next)(?: (?:post|article|page))?|was this (?:page|article) helpful\??.{0,10}",
    re.IGNORECASE,
)
_ENDING_HEADINGS = re.compile(
    r"(?:related|recent|latest|popular|similar|recommended|trending|featured|more) (?:posts?|articles?|stories|"
    r"news|reads?|reading|content|links)|you (?:may|might) (?:also|like).*|recommended for you|read next|up next|"
    r"more from .*|share this.*|leave a (?:reply|comment).*|(?:\d+ )?(?:comments?|responses?|"
    r"thoughts on)(?: \(\d+\))?|about the authors?|(?:subscribe|sign up)\b.*|(?:join )?our newsletter.*|"
    r"newsletter|follow us.*|tags|categories|archives|join the (?:conversation|discussion).*",
    re.IGNORECASE,
)


def holds_any(element: HtmlElement, *tags: str) -> bool:
    """True when `element` is or holds an element with one of the tags."""
    return next(element.iter(*tags), None) is not None


def is_label(text: str) -> bool:
    """True for a short line that a page says about itself: "Skip to content", "Share this:", "© 2026 …"."""
    return len(text) <= 160 and bool(_LABELS.fullmatch(text.strip(" -–—|»«<>→←\xa0")))


def opens_furniture(heading: str) -> bool:
    """True for a heading such as "Related posts" or "About the author", under which nothing belongs to the article."""
    return bool(_ENDING_HEADINGS.fullmatch(heading.strip(" :.!\xa0")))


def measure_prose(element: HtmlElement) -> int:
    """Characters of running text in `element`: text outside links, in pieces long enough to be a sentence."""
    total = 0
    for piece in iterate_pieces(element):
        if len(piece) >= 25 and " " in piece:
            total += len(piece)
    return total


def iterate_pieces(element: HtmlElement) -> Iterator[str]:
    """The texts between tags, on one line each, without the texts of links and of script."""
    for node in element.iter():
        if isinstance(node.tag, str) and node.tag != "a" and node.tag not in _NEVER_TEXT and node.text:
            yield one_line(node.text)
        if node is not element and node.tail:
            yield one_line(node.tail)


def remove_furniture(body: HtmlElement) -> None:
    """Take everything out of `body` that is plainly not the article."""
    _remove_never_text(body)
    pointed_at = _find_pointed_at(body)
    title_holders = {ancestor for heading in body.iter("h1") for ancestor in heading.iterancestors()}
    limit = 0.3 * measure_prose(body)
    for element in list(body.iterdescendants()):
        if not _is_inside(element, body) or not _is_furniture(
            element, pointed_at, holds_title=element in title_holders
        ):
            continue
        if measure_prose(element) <= limit:
            element.drop_tree()
    _remove_heading_links(body)
    _remove_link_lists(body)


def _is_inside(element: HtmlElement, body: HtmlElement) -> bool:
    """False once an ancestor was dropped: dropped trees keep their children."""
    node = element
    while node is not None and node is not body:
        node = node.getparent()
    return node is body


def _remove_never_text(body: HtmlElement) -> None:
    for element in list(body.iter()):
        dropped = not isinstance(element.tag, str) or element.tag in _NEVER_TEXT
        if dropped and element.getparent() is not None:
            element.drop_tree()
    for button in list(body.iter("button")):
        # An accordion's question is a button in a heading; any other button is a control.
        if any(
            ancestor.tag in HEADING_TAGS or ancestor.tag in ("summary", "dt") for ancestor in button.iterancestors()
        ):
            button.drop_tag()
        else:
            button.drop_tree()


def _find_pointed_at(body: HtmlElement) -> frozenset[str]:
    """The ids that a tab, an accordion or an in-page link leads to."""
    found: set[str] = set()
    for element in body.iter():
        for name in ("href", "aria-controls", "data-target", "data-bs-target"):
            value = element.get(name) or ""
            if name == "aria-controls":
                found.update(value.split())
            elif value.startswith("#") and len(value) > 1:
                found.add(value[1:])
    return frozenset(found)


def _is_furniture(  # noqa: PLR0911 - one line for each rule
    element: HtmlElement, pointed_at: frozenset[str], *, holds_title: bool
) -> bool:
    tag = element.tag
    if tag in _FURNITURE_TAGS or element.get("aria-modal") == "true":
        return True
    if (element.get("role") or "").lower() in _FURNITURE_ROLES:
        return True
    names = _read_names(element)
    if tag == "aside":
        return not any(_NOTE_WORDS.fullmatch(name) for name in names)
    if tag == "header":
        return not holds_title and not _has_ancestor(element, ("article", "main"))
    if _is_hidden(element) and not _is_switched(element, names, pointed_at):
        return True
    if holds_title:
        return False
    if any(_ANYWHERE.fullmatch(name) for name in names):
        return tag not in ("table", "tr", "td", "th")
    return tag in _CONTAINERS and any(_CONTAINER_WORDS.fullmatch(name) for name in names)


def _read_names(element: HtmlElement) -> list[str]:
    """Class names and the id, in lower case with hyphens: "authorBox" and "author_box" become "author-box"."""
    raw = (element.get("class") or "").split()
    if (identifier := element.get("id")) and not _is_heading_anchor(element, identifier):
        raw.append(identifier)
    names = [re.sub(r"[_:]+", "-", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name)).lower() for name in raw]
    return [name for name in names if name.split("-", 1)[0] not in _MODIFIERS or name in ("no-print", "noprint")]


def _is_heading_anchor(element: HtmlElement, identifier: str) -> bool:
    """True for an id made from a heading: <h2 id="social-skills">, <section id="pay"><h2>Pay</h2>."""
    if element.tag in HEADING_TAGS:
        return True
    heading = next(element.iter(*HEADING_TAGS), None)
    return heading is not None and re.findall(r"\w+", heading.text_content().lower()) == re.findall(
        r"[^\W_]+", identifier.lower()
    )


def _has_ancestor(element: HtmlElement, tags: tuple[str, ...]) -> bool:
    return any(ancestor.tag in tags for ancestor in element.iterancestors())


def _is_hidden(element: HtmlElement) -> bool:
    if element.get("hidden") is not None and element.get("hidden") != "until-found":
        return True
    return element.get("aria-hidden") == "true" or bool(_HIDDEN_STYLE.search(element.get("style") or ""))


def _is_switched(element: HtmlElement, names: list[str], pointed_at: frozenset[str]) -> bool:
    """True for a hidden part that a reader opens by a tab or an accordion: content, only not shown yet."""
    return (
        element.get("id") in pointed_at
        or element.get("role") == "tabpanel"
        or element.tag in ("details", "dd")
        or any(_TAB_WORDS.fullmatch(name) for name in names)
    )


def _remove_heading_links(body: HtmlElement) -> None:
    """Drop "#", "¶" and "About this section" beside a heading's own words, and footnote marks from the text."""
    for link in list(body.iter("a")):
        if not _is_in_page(link):
            continue
        text = one_line(link.text_content())
        holder = _nearest(link, HEADING_TAGS | {"th", "caption", "legend", "dt", "summary"})
        if (holder is not None and len(one_line(holder.text_content())) > len(text)) or (
            re.fullmatch(r"\[?(?:\d{1,3}|[*†‡↩^])\]?|↑|back to top", text, re.IGNORECASE)
            and (_nearest(link, {"sup"}) is not None or not text.isdigit())
        ):
            link.drop_tree()


def _is_in_page(link: HtmlElement) -> bool:
    href = (link.get("href") or "").strip()
    return href.startswith(("#", "/#", "javascript:"))


def _nearest(element: HtmlElement, tags: frozenset[str] | set[str]) -> HtmlElement | None:
    return next((ancestor for ancestor in element.iterancestors() if ancestor.tag in tags), None)


def _remove_link_lists(body: HtmlElement) -> None:
    """Drop blocks that hold nothing but links: all in-page (tabs, contents), or many short ones with no lead-in."""
    for element in list(body.iter("ul", "ol", "div", "p", "center", "section", "td")):
        if not _is_inside(element, body):
            continue
        links = list(element.iter("a"))
        if len(links) < 2 or _has_text_beside_links(element):
            continue
        if all(_is_in_page(link) for link in links) or (
            len(links) >= 3 and not _has_lead_in(element) and _words_per_link(links) <= 4
        ):
            element.drop_tree()


def _has_text_beside_links(element: HtmlElement) -> bool:
    if holds_any(element, *HEADING_TAGS):
        return True
    return any(any(character.isalnum() for character in piece) for piece in _pieces_outside_links(element))


def _pieces_outside_links(element: HtmlElement) -> Iterator[str]:
    inside: set[HtmlElement] = set()
    for node in element.iter():
        parent = node.getparent()
        if node.tag == "a" or (parent in inside and node is not element):
            inside.add(node)
        elif node.text:
            yield node.text
        if node.tail and node is not element and parent not in inside:
            yield node.tail


def _has_lead_in(element: HtmlElement) -> bool:
    """True when a heading or a line of text stands right before the block: its links are a list of the article."""
    node = element
    while node is not None and node.tag not in ("article", "main", "body"):
        before = node.getprevious()
        while before is not None and not one_line(before.text_content()) and not (before.tail or "").strip():
            before = before.getprevious()
        if before is not None:
            return (
                before.tag in HEADING_TAGS or before.tag in ("p", "dt", "summary") or bool((before.tail or "").strip())
            )
        node = node.getparent()
    return False


def _words_per_link(links: list[HtmlElement]) -> float:
    return sum(len(link.text_content().split()) for link in links) / len(links)
