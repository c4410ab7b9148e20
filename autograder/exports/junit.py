"""JUnit XML, for continuous integration. Source: the schema that Jenkins's xUnit plugin publishes (``junit-10.xsd``)."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from autograder.gradebook import Gradebook
from autograder.report import write_atomically
from autograder.result import GRADED, Result

# What XML 1.0 has no way to write.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(book: Gradebook, folder: Path) -> list[Path]:
    """Write ``junit.xml``: a suite a submission, a case a check; who was not graded is an error, not a failure."""
    root = ElementTree.Element("testsuites", name=_text(book.title))
    for row in book.rows:
        if row.result is not None:
            root.append(_suite(row.result))
    ElementTree.indent(root)
    target = folder / "junit.xml"
    body = ElementTree.tostring(root, encoding="unicode")
    write_atomically(target, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n')
    return [target]


def _suite(result: Result) -> ElementTree.Element:
    failed = sum(check.outcome == "failed" for check in result.checks)
    graded = result.status == GRADED
    suite = ElementTree.Element(
        "testsuite",
        name=_text(result.submission),
        tests=str(len(result.checks) if graded else 1),
        failures=str(failed),
        errors="0" if graded else "1",
        time=f"{result.seconds:.3f}",
    )
    if not graded:
        case = ElementTree.SubElement(suite, "testcase", name="graded", classname=_text(result.key))
        ElementTree.SubElement(case, "error", message=_text(result.fault), type="NotGraded")
    for check in result.checks:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            name=_text(check.title),
            classname=_text(result.key),
            time=f"{check.seconds:.3f}",
        )
        if check.outcome == "failed":
            message = check.reason or f"wanted: {check.wanted}; got: {check.got}"
            failure = ElementTree.SubElement(case, "failure", message=_text(message), type="CheckFailed")
            failure.text = _text(check.look_at)
    return suite


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
