from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_sandbox.errors import InvalidParameterValueException, ValidationException
from lambda_sandbox.gateway.constraints import Constraints, _pattern
from lambda_sandbox.gateway.model import LambdaModel

MODEL = LambdaModel.load()
CONSTRAINTS = Constraints(MODEL)
VALID = {"FunctionName": "hello", "Role": "arn:aws:iam::000000000000:role/r", "Code": {}}


def violations(**change: Any) -> list[str]:
    request = {name: value for name, value in (VALID | change).items() if value is not None}
    try:
        CONSTRAINTS.check("CreateFunctionRequest", request)
    except ValidationException as error:
        head, _, text = error.message.partition(" detected: ")
        found = text.split("; ")
        assert head == ("1 validation error" if len(found) == 1 else f"{len(found)} validation errors")
        return found
    return []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"FunctionName": None},
            "Value null at 'functionName' failed to satisfy constraint: Member must not be null",
        ),
        (
            {"MemorySize": 127},
            "Value '127' at 'memorySize' failed to satisfy constraint: "
            "Member must have value greater than or equal to 128",
        ),
        (
            {"Timeout": 99_999},
            "Value '99999' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 5400",
        ),
        (
            {"Description": "x" * 257},
            f"Value '{'x' * 257}' at 'description' failed to satisfy constraint: "
            "Member must have length less than or equal to 256",
        ),
        (
            {"Handler": "a b"},
            r"Value 'a b' at 'handler' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [^\s]+",
        ),
        (
            {"PackageType": "Jar"},
            "Value 'Jar' at 'packageType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Zip, Image]",
        ),
        (
            {"Architectures": ["x86_65"]},
            "Value '[x86_65]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: "
            "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
        ),
        (
            {"Architectures": ["x86_64", "arm64"]},
            "Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: "
            "Member must have length less than or equal to 1",
        ),
        (
            {"Environment": {"Variables": {"a-b": "1"}}},
            "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: "
            "[Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]",
        ),
        (
            {"Code": {"S3Bucket": "ab"}},
            "Value 'ab' at 'code.s3Bucket' failed to satisfy constraint: "
            "Member must have length greater than or equal to 3",
        ),
        (
            {
                "FileSystemConfigs": [
                    {"Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-"}
                ]
            },
            "Value null at 'fileSystemConfigs.1.member.localMountPath' failed to satisfy constraint: "
            "Member must not be null",
        ),
        (
            {"EphemeralStorage": {}},
            "Value null at 'ephemeralStorage.size' failed to satisfy constraint: Member must not be null",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_broken_constraint_is_worded_as_aws_does(change: dict[str, Any], expected: str) -> None:
    assert expected in violations(**change)


def test_all_violations_are_named_in_one_answer() -> None:
    found = violations(MemorySize=1, Timeout=0, Role="no role")
    assert [text.split("'")[3] for text in found] == ["role", "timeout", "memorySize"]


def test_both_ends_of_a_range_are_valid() -> None:
    assert (
        violations(MemorySize=128) == violations(MemorySize=32_768) == violations(Description="x" * 256) == []
    )


def test_runtime_is_checked_after_the_rest_and_by_the_service() -> None:
    assert violations(Runtime="cobol", Timeout=0)[0].startswith("Value '0' at 'timeout'")
    with pytest.raises(InvalidParameterValueException) as error:
        CONSTRAINTS.check("CreateFunctionRequest", VALID | {"Runtime": "cobol"})
    assert error.value.message.startswith("Value cobol at 'runtime' failed to satisfy constraint: ")
    assert error.value.message.endswith("custom] or be a valid ARN")


def test_members_the_model_does_not_know_are_ignored() -> None:
    assert violations(Unknown=1) == []


@pytest.mark.parametrize(
    "name", ["hello", "a" * 140, "arn:aws:lambda:us-east-1:000000000000:function:f", "f:$LATEST"]
)
def test_function_name_that_aws_takes_is_valid(name: str) -> None:
    assert violations(FunctionName=name) == []


@pytest.mark.parametrize("name", ["", "a b", "ä", "a/b", "a" * 141, "hello\n", "f:a:b:c"])
def test_function_name_that_aws_refuses_is_invalid(name: str) -> None:
    assert violations(FunctionName=name)


@pytest.mark.parametrize("letter", ["é", "ж", "漢", "ا", "٣", "Ⅷ", "\u3000", " ", "@", "𝔘"])
def test_tags_take_letters_numbers_and_spaces_of_every_script(letter: str) -> None:
    assert violations(Tags={letter: letter}) == []


@pytest.mark.parametrize("sign", ["!", "€", "😀", "\n", "\u0301", ","])
def test_tags_refuse_other_signs(sign: str) -> None:
    assert len(violations(Tags={f"a{sign}": "ok"})) == 1
    assert len(violations(Tags={"ok": f"a{sign}"})) == 1


def test_digits_of_an_arn_are_ascii() -> None:
    assert violations(Role="arn:aws:iam::٠٠٠٠٠٠٠٠٠٠٠٠:role/r")


@pytest.mark.parametrize(
    "shape", [name for name, shape in MODEL.shapes.items() if "pattern" in shape], ids=lambda name: name
)
def test_every_pattern_of_the_model_compiles(shape: str) -> None:
    _pattern(MODEL.shapes[shape]["pattern"])


@settings(deadline=None)
@given(memory=st.integers(-(10**6), 10**6), timeout=st.integers(-(10**6), 10**6))
def test_ranges_hold_for_every_number(memory: int, timeout: int) -> None:
    broken = violations(MemorySize=memory, Timeout=timeout)
    assert len(broken) == (not 128 <= memory <= 32_768) + (not 1 <= timeout <= 5_400)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_lengths_hold_for_every_text(text: str) -> None:
    assert bool(violations(Description=text)) == (len(text) > 256)


def test_null_in_a_list_of_structures_is_named_by_its_place() -> None:
    assert violations(FileSystemConfigs=[None]) == [
        "Value null at 'fileSystemConfigs.1.member' failed to satisfy constraint: Member must not be null"
    ]


def test_only_the_runtime_of_a_function_is_left_to_the_service() -> None:
    with pytest.raises(ValidationException, match="Value 'cobol' at 'compatibleRuntime'"):
        CONSTRAINTS.check("ListLayersRequest", {"CompatibleRuntime": "cobol"})
