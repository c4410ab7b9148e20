"""What targets get: paths, templates with and without quotes, predefined variables, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_sandbox.triggers.input_transformer import Context, problem, target_input, transform
from lambda_sandbox.triggers.json_path import MISSING, JsonPath

CONTEXT = Context("arn:rule", "the-rule", "2026-11-21T12:00:00Z")
EVENT = {
    "id": "e1",
    "detail-type": "Order",
    "resources": ["a", "b"],
    "detail": {"n": 7, "on": True, "none": None, "list": [{"s": "x"}, {"s": "y"}], "a/b": 1, "text": 'say "hi"\n'},
}  # fmt: skip


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("$", EVENT),
            ("$.detail-type", "Order"),
            ("$.resources[1]", "b"),
            ("$.detail.list[0].s", "x"),
            ("$.detail.list[*].s", ["x", "y"]),
            ("$.detail.none", None),
            ("$.detail.a/b", 1),
            ("$['detail']['text']", 'say "hi"\n'),
        ],
    )
    def test_a_path_leads_to_its_value(self, path: str, expected: Any) -> None:
        assert JsonPath(path).find(EVENT) == expected

    @pytest.mark.parametrize("path", ["$.missing", "$.detail.n.deeper", "$.resources[2]", "$.id[*]"])
    def test_a_path_may_lead_nowhere(self, path: str) -> None:
        assert JsonPath(path).find(EVENT) is MISSING

    @pytest.mark.parametrize("path", ["", "detail", "$..detail", "$.detail[?(@.n)]", "$.", "$[-1]"])
    def test_what_eventbridge_does_not_read_is_refused(self, path: str) -> None:
        with pytest.raises(ValueError):
            JsonPath(path)


class TestTemplates:
    @pytest.mark.parametrize(
        ("template", "expected"),
        [
            ('{"a": <v>}', {"n": 7, "text": 'say "hi"\n'}),
            ('{"a": "got <v>"}', {"n": "got 7", "text": 'got say "hi"\n'}),
            ('{"a": "<v>"}', {"n": "7", "text": 'say "hi"\n'}),
            (r'{"a": "\"<v>\""}', {"n": '"7"', "text": '"say "hi"\n"'}),
        ],
    )
    def test_values_are_json_outside_of_quotes_and_text_inside(
        self, template: str, expected: dict[str, Any]
    ) -> None:
        for name, value in expected.items():
            filled = transform(template, {"v": f"$.detail.{name}"}, EVENT, CONTEXT)
            assert json.loads(filled) == {"a": value}

    def test_objects_lists_and_literals_keep_their_kind(self) -> None:
        template = '{"l": <l>, "o": <o>, "b": <b>, "z": <z>}'
        paths = {"l": "$.resources", "o": "$.detail.list[0]", "b": "$.detail.on", "z": "$.detail.none"}
        assert json.loads(transform(template, paths, EVENT, CONTEXT)) == {
            "l": ["a", "b"],
            "o": {"s": "x"},
            "b": True,
            "z": None,
        }

    def test_a_variable_that_leads_nowhere_leaves_nothing(self) -> None:
        filled = transform('{"a": <v>, "b": "<v>!"}', {"v": "$.nowhere"}, EVENT, CONTEXT)
        assert json.loads(filled) == {"a": "", "b": "!"}

    def test_predefined_variables_need_no_path(self) -> None:
        template = (
            '{"rule": "<aws.events.rule-name>", "arn": <aws.events.rule-arn>, '
            '"at": <aws.events.event.ingestion-time>, "event": <aws.events.event>, '
            '"all": <aws.events.event.json>}'
        )
        filled = json.loads(transform(template, {}, EVENT, CONTEXT))
        assert (filled["rule"], filled["arn"], filled["at"]) == (
            "the-rule",
            "arn:rule",
            "2026-11-21T12:00:00Z",
        )
        assert filled["all"] == EVENT
        assert filled["event"] == {name: value for name, value in EVENT.items() if name != "detail"}

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        )
    )
    def test_any_value_survives_outside_of_quotes_and_leaves_valid_json_inside(self, value: Any) -> None:
        filled = transform('{"a": <v>, "b": "<v>"}', {"v": "$.v"}, {"v": value}, CONTEXT)
        parsed = json.loads(filled)
        assert parsed["a"] == value
        assert parsed["b"] == (value if isinstance(value, str) else json.dumps(value))


class TestTargets:
    def test_the_whole_event_goes_where_nothing_is_asked(self) -> None:
        assert json.loads(target_input({}, EVENT, CONTEXT)) == EVENT

    def test_a_path_that_leads_nowhere_is_null(self) -> None:
        assert target_input({"InputPath": "$.nowhere"}, EVENT, CONTEXT) == "null"

    def test_a_constant_is_passed_as_it_was_written(self) -> None:
        assert target_input({"Input": '{"a":  1}'}, EVENT, CONTEXT) == '{"a":  1}'

    @pytest.mark.parametrize(
        ("target", "words"),
        [
            ({"Input": "1", "InputPath": "$"}, "Only one of"),
            ({"Input": "{"}, "JSON syntax error"),
            ({"InputPath": "x"}, "Invalid InputPath"),
            ({"InputTransformer": {"InputTemplate": "<x>"}}, "<x>"),
            ({"InputTransformer": {"InputTemplate": ""}}, "required"),
            ({"InputTransformer": {"InputPathsMap": {"x": "y"}, "InputTemplate": "<x>"}}, "y is no path"),
            (
                {
                    "InputTransformer": {
                        "InputPathsMap": {"aws.events.rule-arn": "$"},
                        "InputTemplate": "1",
                    }
                },
                "reserved",
            ),
            (
                {
                    "InputTransformer": {
                        "InputPathsMap": {f"v{number}": "$" for number in range(101)},
                        "InputTemplate": "1",
                    }
                },
                "at most 100",
            ),
        ],
    )
    def test_what_is_wrong_is_said(self, target: dict[str, Any], words: str) -> None:
        assert words in problem({"Id": "1", **target})

    @pytest.mark.parametrize("target", [{}, {"Input": "1"}, {"InputPath": "$.detail"}])
    def test_what_is_right_is_not(self, target: dict[str, Any]) -> None:
        assert problem({"Id": "1", **target}) == ""
