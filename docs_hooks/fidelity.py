"""Collect the code's own words on where the sandbox differs from AWS, and where AWS documents no rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

TAGS = {"DIFFERS": "Where the sandbox differs", "POLICY": "Where AWS documents nothing and we chose"}
_TAG = re.compile(r"\b(DIFFERS|POLICY): ?(.*)")
_REST = "The sandbox itself"
_LANGUAGES = (".py", ".mjs", ".rb", ".java", ".cs")
_COMMENTS = ("#", "//")
# What a remark is about, by where it stands; the first that fits counts. Readers look for AWS's things, not for our folders.
AREAS = (
    (
        "Functions: code, configuration, versions",
        r"control_plane/(?!capacity_providers|scaling|function_urls|event_source)|errors\.py"
        r"|gateway/(?!event_stream)|drivers/in_process/(?!sending)",
    ),
    (
        "Invocation, scaling, retries, SnapStart",
        r"invocation/|drivers/(destinations|outbox|promises|server|waiting_clock)",
    ),
    ("Runtimes, and what a function finds", r"environments/(runtimes/|variables|entry_advice)"),
    ("Durable functions", r"durable/|drivers/durable|telemetry/durable|telemetry/metrics_durable"),
    ("Managed Instances", r"control_plane/(capacity_providers|scaling)"),
    (
        "Permissions and credentials",
        r"iam/|services/kms"
        r"|drivers/(gate|identities|execution_roles|environment_connection|resource_policies|trigger_permissions)",
    ),
    (
        "Queues and streams: event source mappings",
        r"event_sources/|event_patterns|control_plane/event_source|telemetry/metrics_mappings",
    ),
    (
        "Other services and their events",
        r"triggers/(?!logs)|services/(iot|mqtt|workflow|unserved|rule_|secret|queue)|drivers/(deliveries|in_process/sending)",
    ),
    (
        "Function URLs and streamed responses",
        r".*function_urls|drivers/(url_events|endpoint|response_streams)\.py|gateway/event_stream",
    ),
    (
        "API Gateway and load balancers",
        r"front_doors/(?!edge)|services/(api_gateway/|load_balancers)"
        r"|drivers/(alb|api_|authorizing|door_functions|front_doors|http_api|rest_|web_socket|signers)",
    ),
    ("Lambda@Edge, CloudFront", r"drivers/edge|front_doors/edge|services/(distribution|edge)"),
    ("Databases: RDS", r"services/postgres/"),
    ("CloudFormation and SAM", r"services/cloudformation/"),
    (
        "Logs, metrics, traces",
        r"telemetry/(alarms|logs|metric|platform|traces)|triggers/logs|services/log_|runtime_api/"
        r"|drivers/(log_|telemetry_)",
    ),
    ("Bill and history", r"telemetry/|drivers/door_meters"),
)


@dataclass(frozen=True, slots=True)
class Remark:
    """One tagged comment: its tag, its words, and where it stands. The words must do without the code around them."""

    tag: str
    text: str
    path: str
    line: int

    @property
    def area(self) -> str:
        """What it is about, in words of AWS's."""
        inside = self.path.partition("/")[2]
        return next((name for name, places in AREAS if re.match(places, inside)), _REST)


def collect(root: Path) -> list[Remark]:
    """Return the remarks of all modules of the sandbox, in the order of their files."""
    remarks: list[Remark] = []
    sources = (path for path in (root / "lambda_sandbox").rglob("*.*") if path.suffix in _LANGUAGES)
    for path in sorted(sources):
        lines = path.read_text(encoding="utf-8").splitlines()
        remarks += in_lines(lines, path.relative_to(root).as_posix())
    return remarks


def in_lines(lines: list[str], path: str) -> list[Remark]:
    """Return the remarks of one module's lines."""
    found = ((index, _TAG.search(line)) for index, line in enumerate(lines))
    return [Remark(match[1], _words(lines, index, match), path, index + 1) for index, match in found if match]


def markdown(remarks: list[Remark]) -> str:
    """Return the remarks as a page has them: first what differs, then what we chose, each under what it is about."""
    areas = [*(name for name, _ in AREAS), _REST]
    parts: list[str] = []
    for tag, title in TAGS.items():
        parts += [f"## {title}", ""]
        for area in areas:
            told = [each for each in remarks if each.tag == tag and each.area == area]
            if told:
                parts += [f"### {area} {{ #{tag.lower()}-{_slug(area)} }}", "", *map(_item, told), ""]
    return "\n".join(parts)


def _item(remark: Remark) -> str:
    return f"- {remark.text.replace('``', '`')} <small>{remark.path}, line {remark.line}</small>"


def _slug(area: str) -> str:
    return re.sub(r"[^a-z]+", "-", area.lower()).strip("-")


def _words(lines: list[str], index: int, match: re.Match[str]) -> str:
    """Join the remark with the lines that go on in the same comment or docstring paragraph."""
    in_comment = any(mark in lines[index][: match.start()] for mark in _COMMENTS)
    parts = [match[2]]
    for line in lines[index + 1 :]:
        text = line.strip()
        goes_on = text.startswith(_COMMENTS) if in_comment else bool(text)
        if not goes_on or _TAG.search(text) or '"""' in parts[-1]:
            break
        parts.append(text.lstrip("#/ ") if in_comment else text)
    text = " ".join(parts).split('"""')[0].strip()
    return text[:1].upper() + text[1:]
