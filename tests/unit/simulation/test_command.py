"""``simulate`` on the command line."""

import json
from pathlib import Path

import pytest

from lambda_sandbox.__main__ import main


def simulated(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["simulate", *arguments]) in (0, None)
    return capsys.readouterr().out


def test_json_is_the_same_for_the_same_seed(capsys: pytest.CaptureFixture[str]) -> None:
    first = simulated(capsys, "-n", "300", "--seed", "5", "--json")
    assert json.loads(first)["invocations"] == 300
    assert simulated(capsys, "-n", "300", "--seed", "5", "--json") == first
    assert simulated(capsys, "-n", "300", "--seed", "6", "--json") != first


def test_table_has_the_shares_and_the_bill(capsys: pytest.CaptureFixture[str]) -> None:
    printed = simulated(capsys, "-n", "200", "--reserved", "1")
    for row in (
        "cold starts",
        "ReservedFunctionConcurrentInvocationLimitExceeded",
        "latency",
        "a month at this rate",
    ):
        assert row in printed


@pytest.mark.parametrize(("name", "begins"), [("run.svg", b"<?xml"), ("run.png", b"\x89PNG")])
def test_comparison_draws_a_picture(
    name: str, begins: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    printed = simulated(capsys, "-n", "200", "--compare", "memory=128,1769", "--plot", str(path))
    assert "1769" in printed
    assert path.read_bytes().startswith(begins)


def test_provisioned_concurrency_is_compared_with_the_same_callers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    without, with_ten = json.loads(
        simulated(capsys, "-n", "400", "--traffic", "poisson:20", "--compare", "provisioned=0,10", "--json")
    )["runs"]
    assert with_ten["cold_starts"] < without["cold_starts"]
    assert with_ten["bill"]["total_usd"] > without["bill"]["total_usd"]
    assert with_ten["traffic_s"] == pytest.approx(without["traffic_s"], abs=0.01)


def test_recorded_traffic_ends_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("HashFunction,1,2,3\na,5,0,7\nb,1,0,0\n", encoding="utf-8")
    assert json.loads(simulated(capsys, "--traffic", f"csv:{path}", "--json"))["invocations"] == 13
    one = simulated(capsys, "--traffic", f"csv:{path}", "--csv-function", "a", "--json")
    assert json.loads(one)["invocations"] == 12


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--compare", "speed=1,2"], 2),
        (["--compare", "memory=64"], 2),
        (["--plot", "run.gif"], 2),
        (["--traffic", "poisson:0"], 2),
        (["--reserved", "950"], 2),
        (["--csv-function", "a"], 2),
        (["--memory", "64"], 2),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_one_sentence(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "-n", "10", *arguments]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
