"""What the pages on events show from the code: each event's sample with its fields, all of them in a table, prices beside Lambda."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from docs_hooks import facts
from lambda_sandbox import event_shapes
from lambda_sandbox.event_shapes import EventShape, Field
from lambda_sandbox.telemetry.neighbour_bill import NeighbourPrices, Price

MODES = {"sync": "the service waits", "async": "asynchronous", "mapping": "a mapping polls"}
# Where an event is taught; all others are on the page for the rest.
PAGES = {
    "alb": "alb.md",
    "alb-multi-value": "alb.md",
    "apigw-http": "api-gateway.md",
    "apigw-rest": "api-gateway.md",
    "apigw-websocket": "api-gateway.md",
    "cloudfront-function": "../concepts/15-lambda-at-edge.md",
    "cloudfront-request": "../concepts/15-lambda-at-edge.md",
    "cloudfront-response": "../concepts/15-lambda-at-edge.md",
    "cloudwatch-logs": "cloudwatch-logs.md",
    "cognito-sync": "cognito.md",
    "cognito-userpool": "cognito.md",
    "dynamodb": "dynamodb-streams.md",
    "eventbridge": "eventbridge.md",
    "eventbridge-schedule": "eventbridge.md",
    "function-url": "function-urls.md",
    "iot": "iot.md",
    "kinesis": "kinesis.md",
    "s3": "s3.md",
    "sns": "sns.md",
    "sqs": "sqs.md",
    "sqs-fifo": "sqs.md",
}
REST = "others.md"
_MARKER = re.compile(
    r"^<!-- generated: (event-shape|event-shape-folded|event-sources|prices-beside)((?: [\w.-]+)*) -->$", re.M
)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in the markers of this module."""

    def made(marker: re.Match[str]) -> str:
        names = marker[2].split()
        if marker[1] == "event-shape":
            return "\n\n".join(shape(event_shapes.load(name)) for name in names)
        if marker[1] == "event-shape-folded":
            return "\n\n".join(folded(event_shapes.load(name)) for name in names)
        if marker[1] == "prices-beside":
            return prices_beside(names)
        return sources()

    return _MARKER.sub(made, markdown)


def shape(about: EventShape) -> str:
    """Return the sample and the table of its fields as two tabs, and the command that prints the same."""
    sample = json.dumps(about.event(), indent=2, ensure_ascii=False)
    return "\n".join(
        [
            f"**{about.title}.** Shape `{about.name}`; `lambda-sandbox events {about.name}` prints it.",
            "",
            '=== "Field by field"',
            "",
            *_indented("\n".join(_fields(about))),
            "",
            '=== "The event"',
            "",
            *_indented(f"```json\n{sample}\n```"),
        ]
    )


def folded(about: EventShape) -> str:
    """Return the same below a summary that is opened by who wants it."""
    body = "\n".join(_indented(shape(about)))
    return f'??? example "{about.service}: `{about.name}` ({MODES[about.mode]})"\n\n{body}'


def _fields(about: EventShape) -> Iterator[str]:
    yield '<div class="parity" markdown>'  # its tables break long names instead of growing wide
    yield ""
    yield "| Field | Meaning |"
    yield "|---|---|"
    for path, fields in _by_path(about).items():
        types = " or ".join(dict.fromkeys(field.type for field in fields))
        often = " *May be missing.*" if fields[0].optional else ""
        yield f"| `{path}` <br> <small>{types}</small> | {facts.cell(fields[0].meaning)}.{often} |"
    yield ""
    yield "</div>"


def _by_path(about: EventShape) -> dict[str, list[Field]]:
    """Return the fields that mean something; one whose name is not fixed may be there several times."""
    found: dict[str, list[Field]] = {}
    for field in about.fields():
        if field.meaning:
            found.setdefault(field.path, []).append(field)
    return found


def _indented(text: str) -> list[str]:
    return [f"    {line}" if line else "" for line in text.splitlines()]


def sources() -> str:
    """Return the table of every event: what sends it, how it comes, what it is called here and where it is taught."""
    rows = ["| Service | When | How it comes | Shape |", "|---|---|---|---|"]
    shapes = (event_shapes.load(name) for name in event_shapes.names())
    for about in sorted(
        shapes, key=lambda each: (each.service.removeprefix("Amazon ").removeprefix("AWS "), each.name)
    ):
        page = PAGES.get(about.name, REST)
        rows.append(f"| [{about.service}]({page}) | {about.title} | {MODES[about.mode]} | `{about.name}` |")
    return "\n".join(rows)


def prices_beside(names: list[str]) -> str:
    """Return what the service itself charges, from the price file that ``lambda-sandbox bill`` reckons with.

    A price that was not confirmed is named without its figure: pages teach no number that nobody has checked.
    """
    known = NeighbourPrices.load("us-east-1").meters
    return "\n".join(f"- {_price(known[name])}" for name in names)


def _price(price: Price) -> str:
    if not price.confirmed:
        return f"{price.service}, {price.unit}: charged; no figure here, since none was confirmed."
    if price.per == _GB:
        usd, unit = price.usd, f"a GB of {price.unit}"
    else:
        usd, unit = price.usd * 1_000_000, f"a million {price.unit}"
    return f"{price.service}: ${usd:,.2f} {unit} in us-east-1. <small>{facts.cell(price.source)}</small>"


_GB = 1024**3
