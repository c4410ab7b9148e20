"""connect(): boto3 reaches a sandbox and nothing else, and disconnect() leaves no trace."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from textwrap import dedent

import boto3
import pytest
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from lambda_sandbox import aws_environment, botocore_guard
from lambda_sandbox.errors import RealAwsRefused, SandboxFault
from lambda_sandbox.notebook import Sandbox, connect, disconnect
from lambda_sandbox.server_client import ServerClient
from lambda_sandbox.server_process import ServerProcess


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    process = ServerProcess(port=0)
    yield process
    process.stop()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """A ``connect()`` that failed leaves its guard until somebody disconnects."""
    yield
    disconnect()


@pytest.fixture
def guard() -> Iterator[None]:
    botocore_guard.install()
    yield
    botocore_guard.uninstall()


@pytest.fixture
def sandbox(server: ServerProcess) -> Iterator[Sandbox]:
    yield connect(server.endpoint, quiet=True)
    disconnect()


def make_client(service: str = "sqs") -> object:
    return boto3.Session().client(
        service, "us-east-1", aws_access_key_id="AKIAREAL", aws_secret_access_key="secret"
    )


# --- the guard -------------------------------------------------------------------------------------------


def test_a_client_made_before_the_guard_cannot_reach_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    early = make_client()
    botocore_guard.install()
    try:
        with pytest.raises(RealAwsRefused, match=r"sqs\.us-east-1\.amazonaws\.com.*Leave out connect\(\)"):
            early.list_queues()  # type: ignore[attr-defined]
    finally:
        botocore_guard.uninstall()


def test_a_client_with_an_explicit_address_elsewhere_is_refused(guard: None) -> None:
    client = boto3.client(
        "s3", "us-east-1", endpoint_url="http://192.0.2.1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with pytest.raises(RealAwsRefused, match=r"192\.0\.2\.1"):
        client.list_buckets()


def test_requests_for_credentials_that_no_client_makes_are_refused_too(guard: None) -> None:
    request = AWSRequest("GET", "http://169.254.169.254/latest/meta-data/").prepare()
    with pytest.raises(RealAwsRefused, match=r"169\.254\.169\.254"):
        URLLib3Session().send(request)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("bucket.localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("s3.amazonaws.com", False),
        ("", False),
    ],
)
def test_only_names_that_can_mean_nothing_else_are_loopback(host: str, expected: bool) -> None:
    assert botocore_guard.is_loopback(host) is expected


def test_a_user_name_in_the_address_does_not_hide_the_host() -> None:
    with pytest.raises(RealAwsRefused, match=r"evil\.example\.com"):
        botocore_guard.refuse_unless_loopback("https://127.0.0.1@evil.example.com/")


# --- the environment -------------------------------------------------------------------------------------


def test_profiles_sessions_and_service_endpoints_lose_their_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/home/me/.aws/config")
    aws_environment.apply("http://127.0.0.1:9000")
    try:
        assert {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"}.isdisjoint(os.environ)
        assert os.environ["AWS_CONFIG_FILE"] == os.devnull
        assert boto3.client("s3").meta.endpoint_url == "http://127.0.0.1:9000"
        assert boto3.client("lambda").meta.region_name == "us-east-1"
    finally:
        aws_environment.restore()


def test_restore_puts_every_variable_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.delenv("AWS_REGION", raising=False)
    before = dict(os.environ)
    aws_environment.apply("http://127.0.0.1:9000")
    aws_environment.apply("http://127.0.0.1:9001")
    aws_environment.restore()
    assert dict(os.environ) == before


def test_a_proxy_is_not_asked_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "intranet.example.com")
    aws_environment.apply("http://127.0.0.1:9000")
    try:
        assert os.environ["NO_PROXY"] == "intranet.example.com,127.0.0.1,localhost,::1"
    finally:
        aws_environment.restore()


# --- addresses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://localhost:9000", "http://127.0.0.1:9000"),
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_an_endpoint_is_kept_as_an_address(given: str, expected: str) -> None:
    assert ServerClient(given).endpoint == expected


@pytest.mark.parametrize(
    "given",
    ["https://lambda.us-east-1.amazonaws.com", "nonsense", "http://127.0.0.1:port", "ftp://localhost"],
)
def test_an_endpoint_that_is_not_on_this_machine_is_refused_with_an_example(given: str) -> None:
    with pytest.raises(SandboxFault, match=r"http://127\.0\.0\.1:9000"):
        ServerClient(given)


def test_where_nothing_answers_the_error_says_how_to_start_a_sandbox(unused_port: int) -> None:
    with pytest.raises(SandboxFault, match=f"python -m lambda_sandbox serve --port {unused_port}"):
        connect(f"http://127.0.0.1:{unused_port}")
    assert "AWS_ENDPOINT_URL" not in os.environ


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- connected to a server -------------------------------------------------------------------------------


def test_boto3_reaches_the_sandbox_with_nothing_set(sandbox: Sandbox) -> None:
    assert boto3.client("lambda").meta.endpoint_url == sandbox.endpoint
    assert boto3.client("lambda").list_functions()["Functions"] == []


def test_buckets_go_into_the_path(sandbox: Sandbox) -> None:
    bucket = boto3.client("s3")
    bucket.create_bucket(Bucket="cloudberry")
    bucket.put_object(Bucket="cloudberry", Key="price.txt", Body=b"3")
    assert bucket.get_object(Bucket="cloudberry", Key="price.txt")["Body"].read() == b"3"


def test_connecting_twice_is_one_sandbox(sandbox: Sandbox) -> None:
    assert connect() is sandbox
    assert connect(sandbox.endpoint) is sandbox


def test_the_bill_can_be_that_of_another_time_and_a_time_without_prices_is_named(sandbox: Sandbox) -> None:
    sandbox.deploy("def handler(event, context):\n    return event\n").invoke({})
    now, then = sandbox.bill().rows[-1], sandbox.bill(rules="2019").rows[-1]
    assert now["billed_ms"] >= now["duration_ms"] + now["init_duration_ms"]
    assert then["billed_ms"] % 100 == 0
    with pytest.raises(SandboxFault, match="There are no prices of us-east-1 1999"):
        sandbox.bill(rules="1999")


def test_the_address_in_the_environment_is_taken(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBDA_SANDBOX_ENDPOINT", server.endpoint.replace("127.0.0.1", "localhost"))
    try:
        assert connect(quiet=True).endpoint == server.endpoint
    finally:
        disconnect()


def test_connect_prints_where_it_is_and_what_is_enforced(
    server: ServerProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        sandbox = connect(server.endpoint)
    finally:
        disconnect()
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert server.endpoint in line
    assert f"isolation: {sandbox.isolation.level}" in line


def test_disconnect_leaves_environment_and_botocore_as_they_were(server: ServerProcess) -> None:
    before, send = dict(os.environ), URLLib3Session.send
    connect(server.endpoint, quiet=True)
    assert URLLib3Session.send is not send
    disconnect()
    assert dict(os.environ) == before
    assert URLLib3Session.send is send


@pytest.mark.parametrize("before", [False, True], ids=["the first", "another sandbox before"])
@pytest.mark.parametrize(
    "wish",
    [{"endpoint": "http://127.0.0.1:{free}"}, {"endpoint": "nowhere"}, {"driver": "train"}, {"clock": "sun"}],
    ids=["nobody answers", "no address", "no driver", "no clock"],
)
def test_after_a_connect_that_failed_no_call_leaves_the_machine(
    server: ServerProcess, unused_port: int, before: bool, wish: dict[str, str]
) -> None:
    send = URLLib3Session.send
    session = boto3.Session("key", "secret", region_name="us-east-1")
    try:
        if before:
            connect(server.endpoint, quiet=True)
        with pytest.raises(SandboxFault):
            connect(**{name: text.format(free=unused_port) for name, text in wish.items()})  # type: ignore[arg-type]
        with pytest.raises(RealAwsRefused, match="nor after one that failed"):
            session.client("sqs", endpoint_url="https://sqs.us-east-1.amazonaws.com").list_queues()
    finally:
        disconnect()
    assert URLLib3Session.send is send


def test_an_unknown_driver_is_named() -> None:
    with pytest.raises(SandboxFault, match="no driver 'docker'"):
        connect(driver="docker")


def test_a_sandbox_by_another_clock_is_not_taken_when_it_was_named(server: ServerProcess) -> None:
    with pytest.raises(SandboxFault, match="runs by clock real; start it with --clock scaled:60"):
        connect(server.endpoint, clock="scaled:60")


@pytest.mark.parametrize("clock", ["fast", "scaled:0", "scaled:", "60"])
def test_what_is_no_clock_is_named(clock: str) -> None:
    with pytest.raises(SandboxFault, match=rf"real or scaled:FACTOR, not {clock}$"):
        connect(clock=clock)


def test_a_clock_that_is_moved_by_hand_cannot_be_scaled() -> None:
    with pytest.raises(SandboxFault, match=r"moved by hand, with advance\(\)"):
        connect(driver="in_process", clock="scaled:60")


def test_a_sandbox_in_which_every_key_may_do_everything_is_not_taken_where_iam_was_asked_for(
    server: ServerProcess,
) -> None:
    with pytest.raises(SandboxFault, match="does not enforce IAM; start it with --enforce-iam"):
        connect(server.endpoint, enforce_iam=True)


def test_the_in_process_driver_cannot_enforce_iam() -> None:
    with pytest.raises(SandboxFault, match="checks no signatures"):
        connect(driver="in_process", enforce_iam=True)


# --- starting a server -----------------------------------------------------------------------------------


def run_python(script: str, port: int) -> str:
    environment = {**os.environ, "LAMBDA_SANDBOX_PORT": str(port), "LAMBDA_SANDBOX_NEIGHBOURS": "0"}
    done = subprocess.run(
        [sys.executable, "-c", dedent(script)], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def is_gone(endpoint: str) -> bool:
    try:
        ServerClient(endpoint, timeout_s=2.0).health()
    except SandboxFault:
        return True
    return False


def test_without_a_server_one_is_started_and_ends_with_the_program(unused_port: int) -> None:
    output = run_python(
        "from lambda_sandbox import connect; print(connect(quiet=True).endpoint)", unused_port
    )
    assert output.strip() == f"http://127.0.0.1:{unused_port}"
    assert is_gone(output.strip())


def test_another_clock_gets_a_sandbox_of_its_own_that_a_second_call_finds(
    server: ServerProcess, unused_port: int
) -> None:
    script = f"""
        import os
        from lambda_sandbox import connect
        os.environ["LAMBDA_SANDBOX_ENDPOINT"] = "{server.endpoint}"
        sandbox = connect(clock="scaled:60")
        print(sandbox.clock, sandbox.endpoint != "{server.endpoint}", connect() is sandbox)
        print(connect(clock="scaled:60") is sandbox, connect(clock="real", quiet=True).endpoint == "{server.endpoint}")
    """
    told, first, second = run_python(script, unused_port).splitlines()
    assert f"{server.endpoint} runs by clock real, so this is another one" in told
    assert first == "scaled:60 True True"
    assert second == "True True"


def test_iam_and_a_clock_are_asked_for_together(server: ServerProcess, unused_port: int) -> None:
    script = f"""
        import os, boto3
        from lambda_sandbox import connect
        os.environ["LAMBDA_SANDBOX_ENDPOINT"] = "{server.endpoint}"
        os.environ["LAMBDA_SANDBOX_NEIGHBOURS"] = "1"
        sandbox = connect(enforce_iam=True, clock="scaled:60", quiet=True)
        print(sandbox.enforces_iam, sandbox.clock, connect(enforce_iam=True, quiet=True) is sandbox)
        stranger = boto3.client("lambda", aws_access_key_id="AKIAUNKNOWN000000000", aws_secret_access_key="x")
        try:
            stranger.list_functions()
        except stranger.exceptions.ClientError as error:
            print(error.response["Error"]["Code"])
        print(len(boto3.client("lambda").list_functions()["Functions"]))
    """
    output = run_python(script, unused_port)
    assert output.split("\n") == ["True scaled:60 True", "UnrecognizedClientException", "0", ""]


def test_a_sandbox_by_another_clock_leaves_the_usual_port_alone(unused_port: int) -> None:
    output = run_python(
        "from lambda_sandbox import connect; print(connect(clock='scaled:60', quiet=True).endpoint)",
        unused_port,
    )
    assert output.startswith("http://127.0.0.1:")
    assert not output.strip().endswith(f":{unused_port}")


def test_a_port_taken_by_another_program_is_said_and_the_next_one_is_used(unused_port: int) -> None:
    script = """
        import os, socket
        from lambda_sandbox import connect
        listener = socket.create_server(("127.0.0.1", int(os.environ["LAMBDA_SANDBOX_PORT"])))
        listener.settimeout(0)
        sandbox = connect()
        print(sandbox.endpoint)
    """
    output = run_python(script, unused_port)
    assert f"port {unused_port} is taken by another program" in output
    assert not output.strip().endswith(f":{unused_port}")


def test_the_server_dies_with_a_kernel_that_is_killed(unused_port: int) -> None:
    script = """
        import os, signal
        from lambda_sandbox import connect, notebook
        connect(quiet=True)
        print(notebook._server._process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    environment = {**os.environ, "LAMBDA_SANDBOX_PORT": str(unused_port), "LAMBDA_SANDBOX_NEIGHBOURS": "0"}
    done = subprocess.run(
        [sys.executable, "-c", dedent(script)], env=environment, capture_output=True, text=True, check=False
    )
    assert has_ended(int(done.stdout), within_s=20), "the server outlived its notebook"


def has_ended(pid: int, within_s: float) -> bool:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], within_s)[0])
    finally:
        os.close(process)


def test_importing_the_package_loads_neither_boto3_nor_a_server() -> None:
    script = """
        import sys, lambda_sandbox
        print(sorted({"boto3", "botocore", "asyncio", "socket", "click", "moto"} & set(sys.modules)))
    """
    assert run_python(script, 9000) == "[]\n"
