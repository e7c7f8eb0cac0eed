"""An evaluation as JUnit XML, so that continuous integration shows each prompt and each floor as a test."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from assistant.evaluation.measures import BY_NAME, Result
from assistant.evaluation.record import write_file
from assistant.evaluation.run import Evaluation

UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # for XML 1.0, section 2.2


def write_junit(evaluation: Evaluation, path: Path) -> None:
    """Raises EvaluationInvalid."""
    write_file(path, build_junit(evaluation))


def build_junit(evaluation: Evaluation) -> bytes:
    """A suite for each prompt file, a case for each prompt; one more suite for the floors."""
    root = ElementTree.Element("testsuites", name="career evaluate")
    by_file: dict[str, list[Result]] = {}
    for result in evaluation.results:
        by_file.setdefault(result.prompt.where.rpartition(":")[0], []).append(result)
    for file, results in by_file.items():
        _add_suite(root, file, (_make_case(file, result) for result in results))
    _add_suite(root, "floors", _make_floors(evaluation))
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _add_suite(root: ElementTree.Element, name: str, cases: Iterable[ElementTree.Element]) -> None:
    suite = ElementTree.SubElement(root, "testsuite", name=_clean(name))
    suite.extend(cases)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("*/failure"))))
    suite.set("time", f"{sum(float(case.get('time', 0)) for case in suite):.3f}")


def _make_case(file: str, result: Result) -> ElementTree.Element:
    prompt = result.prompt
    line = prompt.where.rpartition(":")[2]
    name = _clean(f"{line}: {' / '.join((*(turn.question for turn in prompt.history), prompt.question))}")
    seconds = f"{result.reply.seconds:.3f}"
    case = ElementTree.Element(
        "testcase", classname=_clean(file), name=name, file=_clean(file), line=line, time=seconds
    )
    if not result.passed:
        message = f"{result.step}: {'; '.join(result.failures)}"
        _add_failure(case, message, f"{prompt.where}\n{message}\n\n{result.reply.text}")
    return case


def _make_floors(evaluation: Evaluation) -> Iterable[ElementTree.Element]:
    breaches = {breach.measure: breach for breach in evaluation.breaches}
    for name in evaluation.floors:
        measure = BY_NAME[name.removesuffix("_at_most")]
        case = ElementTree.Element("testcase", classname="floors", name=name, time="0.000")
        if breach := breaches.get(measure.name):
            _add_failure(case, str(breach), "\n".join(breach.prompts))
        yield case


def _add_failure(case: ElementTree.Element, message: str, text: str) -> None:
    failure = ElementTree.SubElement(case, "failure", message=_clean(message))
    failure.text = _clean(text)


def _clean(text: str) -> str:
    """`text` without the characters that no XML may hold."""
    return UNFIT.sub("\ufffd", text)
