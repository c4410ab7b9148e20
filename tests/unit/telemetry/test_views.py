"""What a notebook shows: complete, escaped, and without anything that a page would have to fetch or run."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from lambda_sandbox.telemetry.timeline import Timeline
from lambda_sandbox.telemetry.views import STATUS_COLOURS, Bill, History, Logs

START = 1_700_000_000.0
RECT = "{http://www.w3.org/2000/svg}rect"
HOSTILE = '<script>alert("x")</script>&'


def invocation(**changes: Any) -> dict[str, Any]:
    row = {
        "request_id": "r-1",
        "function_name": "quote",
        "environment_id": "e" * 32,
        "invocation_type": "RequestResponse",
        "arrived_at": START,
        "started_at": START + 0.1,
        "ended_at": START + 0.15,
        "duration_ms": 50.0,
        "billed_ms": 150,
        "init_duration_ms": 100.0,
        "memory_mb": 128,
        "max_memory_mb": 40,
        "status": "success",
        "error_type": "",
        "cold": True,
        "attempt": 1,
        "why": "cold: no free environment of this version",
    }
    return {**row, **changes}


def environment(**changes: Any) -> dict[str, Any]:
    row = {
        "environment_id": "e" * 32,
        "function_name": "quote",
        "log_stream": "2026/11/21/[$LATEST]" + "e" * 32,
        "started_at": START,
        "ready_at": START + 0.1,
        "stopped_at": None,
        "stop_reason": "",
        "phases": [{"kind": "init", "start": START, "end": START + 0.1}],
        "invocations": 1,
    }
    return {**row, **changes}


def history(invocations: list[dict[str, Any]], environments: list[dict[str, Any]]) -> dict[str, Any]:
    return {"invocations": invocations, "environments": environments}


def bill(**changes: Any) -> dict[str, Any]:
    row = {
        "request_id": "r-1",
        "function_name": "quote",
        "memory_mb": 128,
        "duration_ms": 50.0,
        "init_duration_ms": None,
        "billed_ms": 50,
        "gb_seconds": 0.00625,
        "request_usd": 2e-07,
        "duration_usd": 1.04e-07,
        "total_usd": 3.04e-07,
    }
    return {
        "rows": [{**row, **changes}],
        "requests": 1,
        "gb_seconds": 0.00625,
        "total_usd": 3.04e-07,
        "free_tier": {"requests": 1_000_000, "gb_seconds": 400_000},
        "prices": {
            "as_of": "2026-11-01",
            "region": "us-east-1",
            "source": "price list",
            "request_usd": 2e-07,
        },
    }


def log(message: str, stream: str = "2026/11/21/[$LATEST]0123456789ab") -> dict[str, Any]:
    return {"events": [{"timestamp_ms": int(START * 1000), "stream": stream, "message": message}]}


VIEWS = {
    "log": Logs(log(HOSTILE, HOSTILE), HOSTILE),
    "bill": Bill(bill(function_name=HOSTILE)),
    "history": History(history([invocation(function_name=HOSTILE, why=HOSTILE)], [])),
    "timeline": Timeline(history([invocation(why=HOSTILE)], [environment(function_name=HOSTILE)])),
    "empty log": Logs({"events": []}, HOSTILE),
    "empty timeline": Timeline(history([], []), HOSTILE),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_what_a_function_writes_never_becomes_markup(view: Any) -> None:
    html = view._repr_html_()
    assert "<script" not in html
    assert "alert(" in html or "alert(" in repr(view)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_the_html_is_well_formed_and_asks_for_nothing(view: Any) -> None:
    root = ElementTree.fromstring(f"<div>{view._repr_html_()}</div>")
    for element in root.iter():
        assert element.tag not in ("script", "style", "link", "img", "iframe")
        assert not {"src", "href", "onclick", "onload"} & set(element.attrib)
        assert "url(" not in element.attrib.get("style", "")


def kinds(timeline: Timeline) -> list[str]:
    return [block.kind for block in timeline.lanes[0].blocks]


def test_a_cold_start_then_a_warm_one_is_init_invoke_frozen_invoke() -> None:
    warm = invocation(started_at=START + 5.0, ended_at=START + 5.05, cold=False, init_duration_ms=None)
    timeline = Timeline(history([invocation(), warm], [environment()]))
    assert kinds(timeline) == ["init", "success", "frozen", "success"]
    assert [block.label for block in timeline.lanes[0].blocks if block.kind == "success"] == ["cold", "warm"]


def test_each_way_to_end_has_its_own_colour() -> None:
    colours = set()
    for status in ("success", "error", "timeout"):
        html = Timeline(history([invocation(status=status)], [environment()]))._repr_html_()
        svg = ElementTree.fromstring(html.split("<p")[0])
        colours.add([rect.attrib["fill"] for rect in svg.iter(RECT) if "fill" in rect.attrib][-1])
    assert len(colours) == 3


def test_every_phase_of_an_environment_has_its_block_and_its_colour() -> None:
    phases = [
        {"kind": "init", "start": START, "end": START + 1.0},
        {"kind": "restore", "start": START + 2.0, "end": START + 2.5},
        {"kind": "shutdown", "start": START + 9.0, "end": START + 9.5},
    ]
    row = environment(phases=phases, stopped_at=START + 9.5, stop_reason="idle for 6 s")
    run = invocation(started_at=START + 2.5, ended_at=START + 3.0, status="timeout")
    timeline = Timeline(history([run], [row]))
    assert kinds(timeline) == ["init", "frozen", "restore", "timeout", "frozen", "shutdown"]
    fills = {rect.get("fill") for rect in ElementTree.fromstring(timeline.svg()).iter(RECT)} - {None}
    assert len(fills) == 4


def test_the_picture_stands_by_itself_and_says_in_words_what_it_shows() -> None:
    svg = ElementTree.fromstring(Timeline(history([invocation()], [environment()])).svg())
    assert svg.get("role") == "img"
    assert "1 execution environment" in svg.get("aria-label", "")
    described = svg.findtext("{http://www.w3.org/2000/svg}desc") or ""
    assert "init 100.00 ms" in described
    assert "cold · success · 50.00 ms" in described
    assert ElementTree.fromstring(Timeline(history([], [])).svg()).get("role") == "img"


def test_two_environments_at_once_are_two_lanes() -> None:
    other = "f" * 32
    timeline = Timeline(
        history(
            [invocation(), invocation(environment_id=other)],
            [environment(), environment(environment_id=other)],
        )
    )
    assert len(timeline.lanes) == 2


def test_a_timeline_of_one_function_leaves_out_the_others() -> None:
    other = environment(environment_id="f" * 32, function_name="other")
    timeline = Timeline(history([invocation()], [environment(), other]), "quote")
    assert [lane.title for lane in timeline.lanes] == ["quote · eeeeeeee"]


def test_an_environment_that_was_reset_still_begins_with_its_first_init() -> None:
    again = invocation(started_at=START + 9.0, ended_at=START + 9.5, init_duration_ms=None, status="timeout")
    timeline = Timeline(history([invocation(), again], [environment(started_at=START + 9.0)]))
    assert timeline.lanes[0].blocks[0].start == pytest.approx(START)
    assert all(block.end >= block.start for block in timeline.lanes[0].blocks)


def test_a_short_invocation_in_a_long_picture_can_still_be_seen() -> None:
    late = invocation(started_at=START + 3600.0, ended_at=START + 3600.001, cold=False, init_duration_ms=None)
    html = Timeline(history([invocation(), late], [environment()]))._repr_html_()
    svg = ElementTree.fromstring(html.split("<p")[0])
    widths = [float(rect.attrib["width"]) for rect in svg.iter(RECT) if "fill" in rect.attrib]
    assert len(widths) == 3
    assert min(widths) >= 3.0


def test_a_short_error_between_two_long_runs_is_painted_over_neither() -> None:
    runs = [
        invocation(ended_at=START + 1.0),
        invocation(started_at=START + 1.0, ended_at=START + 1.001, status="error"),
        invocation(started_at=START + 1.001, ended_at=START + 2.0),
    ]
    html = Timeline(history(runs, [environment()]))._repr_html_()
    svg = ElementTree.fromstring(html.split("<p")[0])
    blocks = [rect.attrib for rect in svg.iter(RECT) if "fill" in rect.attrib]
    assert blocks[-1]["fill"] == STATUS_COLOURS["error"]


def test_everything_in_the_picture_lies_within_it() -> None:
    late = invocation(started_at=START + 7.0, ended_at=START + 7.3)
    svg = ElementTree.fromstring(
        Timeline(history([invocation(), late], [environment()]))._repr_html_().split("<p")[0]
    )
    width, height = (float(number) for number in svg.attrib["viewBox"].split()[2:])
    for rect in svg.iter(RECT):
        assert float(rect.attrib["x"]) + float(rect.attrib["width"]) <= width
        assert float(rect.attrib["y"]) + float(rect.attrib["height"]) <= height


def test_the_axis_is_in_seconds_with_round_steps() -> None:
    late = invocation(started_at=START + 7.0, ended_at=START + 8.0)
    html = Timeline(history([invocation(), late], [environment()]))._repr_html_()
    assert [f"{second} s" in html for second in range(9)] == [True] * 9


def test_the_log_reads_as_its_lines() -> None:
    logs = Logs(log("hello\n"))
    assert str(logs) == "hello"
    assert "01234567  hello" in repr(logs)


def test_the_bill_shows_total_price_date_and_the_free_tier_that_it_leaves_out() -> None:
    text = repr(Bill(bill()))
    assert "total: 1 requests, 0.006250 GB-s, 0.0000003040 USD" in text
    assert "checked on 2026-11-01" in text
    assert "1,000,000 requests and 400,000 GB-s a month; it is not taken off here" in text


def test_the_bill_says_what_durable_executions_cost_beside_their_invocations() -> None:
    durable = {"rows": [{"operations": 3}, {"operations": 4}], "total_usd": "0.000056"}
    assert "Durable executions cost 0.000056" in Bill(bill() | {"durable": durable}).note
    assert "for 7 operations" in Bill(bill() | {"durable": durable}).note
    assert "Durable" not in Bill(bill() | {"durable": {"rows": [], "total_usd": "0"}}).note


def test_history_gives_the_reason_of_each_decision() -> None:
    assert "cold: no free environment of this version" in repr(History(history([invocation()], [])))
