"""Notification configurations of a bucket: which change they match, and which two of them AWS refuses beside each other.

Source: Amazon S3 User Guide, "Configuring event notifications using object key name filtering", read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, slots=True)
class Configuration:
    """``events`` are names with the prefix ``s3:``, such as ``s3:ObjectCreated:*``."""

    configuration_id: str
    target_arn: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    def matches(self, event_name: str, key: str) -> bool:
        """Whether ``event_name`` (``s3:ObjectCreated:Put``) on ``key``, as the client wrote it, goes to the target."""
        named = any(_covers(each, event_name) for each in self.events)
        return named and key.startswith(self.prefix) and key.endswith(self.suffix)


def overlap(configurations: Iterable[Configuration]) -> tuple[Configuration, Configuration] | None:
    """Return two configurations that one change could match, ``None`` when there are none."""
    for one, other in combinations(configurations, 2):
        if _share_an_event(one, other) and _may_share_a_key(one, other):
            return one, other
    return None


def _covers(pattern: str, event_name: str) -> bool:
    return event_name.startswith(pattern[:-1]) if pattern.endswith(":*") else event_name == pattern


def _share_an_event(one: Configuration, other: Configuration) -> bool:
    return any(_covers(a, b) or _covers(b, a) for a in one.events for b in other.events)


def _may_share_a_key(one: Configuration, other: Configuration) -> bool:
    prefixes = one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)
    suffixes = one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix)
    return prefixes and suffixes
