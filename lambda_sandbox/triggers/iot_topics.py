"""MQTT topics and the filters that rules name them by. Pure.

Source: AWS IoT Core Developer Guide, "MQTT topics" and "AWS IoT Core message broker and protocol limits", read 2026-11.
"""

from __future__ import annotations

_MAX_BYTES = 256
_MAX_SLASHES = 7


def check_filter(text: str) -> None:
    """Raises ``ValueError`` for what is no topic filter."""
    _check_size(text)
    levels = text.split("/")
    for place, level in enumerate(levels):
        if level not in ("+", "#") and ("+" in level or "#" in level):
            raise ValueError(
                f"{level} mixes a wildcard with other characters: + and # are levels of their own"
            )
        if level == "#" and place != len(levels) - 1:
            raise ValueError("# may only be the last level of a topic filter")


def check_topic(text: str) -> None:
    """Raises ``ValueError`` for what nobody can publish to."""
    if "+" in text or "#" in text:
        raise ValueError(f"{text} has a wildcard: messages go to one topic")
    _check_size(text)


def _check_size(text: str) -> None:
    if not text:
        raise ValueError("the topic is empty")
    if len(text.encode()) > _MAX_BYTES:
        raise ValueError(f"a topic has at most {_MAX_BYTES} bytes")
    if text.count("/") > _MAX_SLASHES and not text.startswith("$aws/"):
        raise ValueError(f"a topic has at most {_MAX_SLASHES} slashes")


def matches(topic_filter: str, topic: str) -> bool:
    """Whether messages of ``topic`` are among those of ``topic_filter``.

    >>> matches("shop/+/temperature", "shop/7/temperature"), matches("shop/#", "shop"), matches("#", "$aws/things")
    (True, True, False)
    """
    wanted, given = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(given) or level not in ("+", given[place]):
            return False
    return len(wanted) == len(given)
