"""Traffic has the rate and the shape that its name promises."""

import itertools
from pathlib import Path
from random import Random

import pytest

from lambda_sandbox.errors import SandboxFault
from lambda_sandbox.simulation.traffic import (
    Bursty,
    Diurnal,
    PerMinute,
    Poisson,
    Recorded,
    Traffic,
    from_csv,
    parse,
)


def taken(traffic: Traffic, count: int, seed: int = 1) -> list[float]:
    return list(itertools.islice(traffic.arrivals(Random(seed)), count))


def until(traffic: Traffic, seconds: float, seed: int = 1) -> list[float]:
    return list(itertools.takewhile(lambda at: at < seconds, traffic.arrivals(Random(seed))))


@pytest.mark.parametrize(
    "traffic", [Poisson(20.0), Bursty(20.0), Diurnal(20.0)], ids=lambda t: type(t).__name__.lower()
)
def test_mean_rate_over_whole_days_is_the_rate_asked_for(traffic: Traffic) -> None:
    assert len(until(traffic, 86_400)) / 86_400 == pytest.approx(20.0, rel=0.05)


@pytest.mark.parametrize("traffic", [Poisson(5.0), Bursty(5.0), Diurnal(5.0)])
def test_arrivals_ascend_and_the_seed_decides_them(traffic: Traffic) -> None:
    first = taken(traffic, 2000)
    assert first == sorted(first)
    assert first == taken(traffic, 2000)
    assert first != taken(traffic, 2000, seed=2)


def test_poisson_counts_vary_as_much_as_their_mean() -> None:
    counts = [0] * 2000
    for at in until(Poisson(10.0), 2000):
        counts[int(at)] += 1
    mean = sum(counts) / 2000
    assert sum((count - mean) ** 2 for count in counts) / 1999 == pytest.approx(mean, rel=0.1)


def test_bursts_make_counts_vary_far_more_than_their_mean() -> None:
    counts = [0] * 20_000
    for at in until(Bursty(10.0), 20_000):
        counts[int(at)] += 1
    mean = sum(counts) / len(counts)
    assert sum((count - mean) ** 2 for count in counts) / len(counts) > 5 * mean


def test_diurnal_traffic_is_dense_at_noon_and_thin_at_midnight() -> None:
    hours = [0] * 24
    for at in until(Diurnal(2.0, 0.8), 86_400):
        hours[int(at // 3600)] += 1
    assert (hours[11] + hours[12]) / (hours[0] + hours[23]) == pytest.approx(1.8 / 0.2, rel=0.2)


def test_azure_shape_is_counts_a_minute_of_all_rows_or_of_one_function(tmp_path: Path) -> None:
    minutes = ",".join(str(minute) for minute in range(1, 1441))
    rows = [
        f"o,a,first,http,{','.join('2' if n == 0 else '0' for n in range(1440))}",
        f"o,a,second,timer,{','.join('3' if n == 1439 else '0' for n in range(1440))}",
    ]
    path = tmp_path / "invocations_per_function_md.anon.d01.csv"
    path.write_text("\n".join([f"HashOwner,HashApp,HashFunction,Trigger,{minutes}", *rows]), encoding="utf-8")
    all_rows = from_csv(path)
    assert isinstance(all_rows, PerMinute)
    assert (all_rows.counts[0], all_rows.counts[1439], sum(all_rows.counts)) == (2, 3, 5)
    at = taken(from_csv(path, "second"), 10)
    assert len(at) == 3
    assert all(1439 * 60 <= each < 1440 * 60 for each in at)
    with pytest.raises(SandboxFault, match="third"):
        from_csv(path, "third")


def test_recorded_arrivals_come_when_they_came(tmp_path: Path) -> None:
    path = tmp_path / "arrivals.csv"
    path.write_text("arrived_at_s\n2.5\n0.25\n", encoding="utf-8")
    assert from_csv(path) == Recorded((0.25, 2.5))
    assert taken(parse(f"csv:{path}"), 10) == [0.25, 2.5]


@pytest.mark.parametrize(
    "text",
    ["poisson", "poisson:0", "poisson:1:2", "poisson:nan", "bursty:1:0.5", "diurnal:1:2", "csv:", "steady:1"],
)
def test_wrong_traffic_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(SandboxFault, match=text):
        parse(text)


def test_file_that_is_no_traffic_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(SandboxFault, match="1440"):
        from_csv(path)
