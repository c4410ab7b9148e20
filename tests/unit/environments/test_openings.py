"""What ``--allow-network`` takes, what it says to the rest, and where each host is found inside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lambda_sandbox.config import Config
from lambda_sandbox.environments import openings
from lambda_sandbox.environments.openings import hosts_lines, opens, read_openings, refuse_own_port
from lambda_sandbox.errors import SandboxFault


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("db.example.com", "the port is missing"),
        ("db.example.com:", "a port is a number from 1 to 65535"),
        ("db.example.com:0", "a port is a number from 1 to 65535"),
        ("db.example.com:65536", "a port is a number from 1 to 65535"),
        ("db.example.com:+80", "a port is a number from 1 to 65535"),
        ("db.example.com:https", "a port is a number from 1 to 65535"),
        ("db.example.com:٨٠", "a port is a number from 1 to 65535"),
        ("https://db.example.com:443", "leave out the scheme"),
        ("db.example.com:443/path", "leave out the path"),
        ("10.0.0.0/8:443", "a range of addresses cannot be opened"),
        ("*.example.com:443", "a wildcard opens nothing"),
        ("*:443", "a wildcard opens nothing"),
        ("[2001:db8::1]:443", "environments have IPv4 only inside"),
        ("::1:443", "environments have IPv4 only inside"),
        (":443", "the host is missing"),
        ("user@db.example.com:443", "the host is neither a name (in ASCII) nor an IPv4 address"),
        ("db example.com:443", "the host is neither a name (in ASCII) nor an IPv4 address"),
        ("db.example.com\n127.0.0.1 evil:443", "the host is neither a name (in ASCII) nor an IPv4 address"),
        ("bücher.example:443", "the host is neither a name (in ASCII) nor an IPv4 address"),
        ("-db.example.com:443", "the host is neither a name (in ASCII) nor an IPv4 address"),
        ("a" * 64 + ".example:443", "the host is neither a name (in ASCII) nor an IPv4 address"),
        ("127.1:443", "write the address with four numbers"),
        ("0x7f000001:443", "write the address with four numbers"),
        ("10.0.0.256:443", "write the address with four numbers"),
        ("0.0.0.0:443", "no single host has that address"),
        ("224.0.0.1:443", "no single host has that address"),
        ("255.255.255.255:443", "no single host has that address"),
        ("sandbox.localdomain:443", "inside, sandbox.localdomain is the environment itself"),
    ],
)
def test_what_is_no_host_and_port_is_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(SandboxFault) as refusal:
        read_openings([text])
    sentence = str(refusal.value)
    assert sentence.startswith("--allow-network takes HOST:PORT")
    assert reason in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("port", "inside"), [(9311, "9311"), (9000, None), (9001, None), (443, None)], ids=str
)
def test_the_endpoint_has_the_servers_port_inside_unless_it_is_taken_or_privileged(
    tmp_path: Path, port: int, inside: str | None
) -> None:
    openings.write_endpoint_port(port, tmp_path)
    written = tmp_path / openings.PORT_FILE
    assert (written.read_text() if written.exists() else None) == inside


@pytest.mark.parametrize("text", ["localhost:9000", "127.0.0.1:9001", "LOCALHOST.:9000", "db.localhost:9001"])
def test_the_sandboxs_own_ports_inside_cannot_be_opened(text: str) -> None:
    with pytest.raises(
        SandboxFault, match=r"inside an environment 127\.0\.0\.1:900[01] is the sandbox's own"
    ):
        read_openings([text])


def test_another_host_may_have_the_same_port_as_the_sandbox_inside() -> None:
    (opening,) = read_openings(["db.example.com:9000"])
    assert (opening.address, opening.port) == ("127.0.0.2", 9000)


def test_every_name_has_a_loopback_address_of_its_own() -> None:
    found = read_openings(["db.example.com:5432", "DB.example.com.:5433", "cache.example.com:6379"])
    assert [str(each) for each in found] == [
        "db.example.com:5432",
        "db.example.com:5433",
        "cache.example.com:6379",
    ]
    assert [each.address for each in found] == ["127.0.0.2", "127.0.0.2", "127.0.0.3"]
    assert hosts_lines(found) == "127.0.0.2 db.example.com\n127.0.0.3 cache.example.com\n"


def test_an_address_is_found_at_itself_and_no_name_gets_it() -> None:
    found = read_openings(["127.0.0.2:53", "10.0.0.5:5432", "db.example.com:5432"])
    assert [each.address for each in found] == ["127.0.0.2", "10.0.0.5", "127.0.0.3"]
    assert hosts_lines(found) == "127.0.0.3 db.example.com\n"


def test_localhost_is_127_0_0_1_and_is_opened_once() -> None:
    (opening,) = read_openings(["localhost:5432", "127.0.0.1:5432", "localhost:5432"])
    assert (str(opening), opening.address) == ("localhost:5432", "127.0.0.1")
    assert hosts_lines([opening]) == ""


def test_names_below_localhost_are_where_programs_look_for_them() -> None:
    found = read_openings(["db.localhost:5432"])
    assert hosts_lines(found) == "127.0.0.1 db.localhost\n"


def test_there_are_at_most_as_many_as_travel_in_one_packet() -> None:
    texts = [f"host{number}.example:443" for number in range(openings.MOST_OPENINGS)]
    assert len(read_openings([*texts, texts[0]])) == openings.MOST_OPENINGS
    with pytest.raises(SandboxFault, match="opens at most 20 pairs of host and port, not 21"):
        read_openings([*texts, "one.more.example:443"])


def test_the_servers_own_port_cannot_be_opened_by_a_name_of_loopback() -> None:
    refuse_own_port(["localhost:5432", "db.example.com:9100"], 9100)
    for text in ("localhost:9100", "127.0.0.1:9100", "any.localhost:9100"):
        with pytest.raises(
            SandboxFault, match="is the sandbox itself: functions reach it at AWS_ENDPOINT_URL"
        ):
            refuse_own_port([text], 9100)


def test_a_host_is_compared_by_its_spelling_in_small_letters() -> None:
    assert opens(["otel.example.com:4318"], "OTEL.example.com.", 4318)
    assert not opens(["otel.example.com:4318"], "otel.example.com", 4317)
    assert not opens([], "otel.example.com", 4318)


def test_the_variable_is_a_list_with_commas_and_flags_take_its_place() -> None:
    variables = {"LAMBDA_SANDBOX_ALLOW_NETWORK": "db.example.com:5432, localhost:6379,"}
    assert Config.load(variables).allow_network == ("db.example.com:5432", "localhost:6379")
    assert Config.load(variables, allow_network=("localhost:1",)).allow_network == ("localhost:1",)
    assert Config.load({"LAMBDA_SANDBOX_ALLOW_NETWORK": ""}).allow_network == ()


def test_a_file_says_where_to_listen_only_where_something_is_opened(tmp_path: Path) -> None:
    openings.write((), tmp_path)
    assert list(tmp_path.iterdir()) == []
    openings.write(read_openings(["db.example.com:5432"]), tmp_path)
    assert json.loads((tmp_path / openings.FILE).read_text()) == [["127.0.0.2", 5432]]
