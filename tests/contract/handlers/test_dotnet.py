"""C# functions: class libraries under our client, programs that speak to the Runtime API themselves, and what starts neither.

Nothing here needs NuGet: the assemblies of AWS's names are compiled beside the cases, by the SDK that runs them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lambda_sandbox.environments.runtimes import registry
from lambda_sandbox.environments.runtimes.toolchains import Toolchain
from tests.contract.conftest import ROLE, Server
from tests.contract.handlers import dotnet_cases, dotnet_sdk
from tests.contract.handlers.case import Case, Outcome, exits, fails, returns, writes
from tests.contract.handlers.dotnet_sdk import CORE, SERIALIZER, SOURCES, Files, build, content, describe, sdk
from tests.contract.handlers.running import run as run_and_tail
from tests.contract.handlers.running import zipped
from tests.contract.prepared_stage import history, invoke, until

__all__ = ["sdk"]
pytestmark = pytest.mark.timeout(300)


def _log(server: Server, name: str) -> str:
    with urllib.request.urlopen(f"{server.endpoint}/_sandbox/logs?function={name}") as answer:
        return "".join(event["message"] for event in json.load(answer)["events"])


def run(server: Server, kind: str, runtime: str, files: Files, case: Case) -> Outcome:
    """As for other languages, with all of the log: what an init writes is in no invocation's tail."""
    outcome = run_and_tail(server, kind, runtime, files, case)
    return replace(outcome, log=_log(server, kind + "-" + re.sub(r"\W", "_", case.name)))


@pytest.fixture(scope="module")
def assemblies(sdk: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every assembly, compiled, and the two files beside each that publishing writes."""
    folder = tmp_path_factory.mktemp("assemblies")
    dotnet_sdk.packages(sdk, folder)
    build(sdk, folder, "Helper", [SOURCES / "Helper.cs"])
    build(sdk, folder, "Cases", [SOURCES / "Cases.cs"], CORE, SERIALIZER, "Helper")
    build(sdk, folder, "Bare", [SOURCES / "Bare.cs"], CORE, SERIALIZER)
    build(sdk, folder, "Program", [SOURCES / "Program.cs"], "Helper", target="exe")
    framework = sorted(sdk.home.glob("shared/Microsoft.NETCore.App/*"))[0]
    native = next(iter(framework.glob("*System.Native.so")))
    (folder / "runtimes" / "linux-x64" / "native").mkdir(parents=True)
    shutil.copy(native, folder / "runtimes" / "linux-x64" / "native" / "libours.so")
    describe(sdk, folder, "Cases", CORE, SERIALIZER, "Helper", native=["libours.so"])
    describe(sdk, folder, "Bare", CORE, SERIALIZER)
    describe(sdk, folder, "Program", "Helper")
    return folder


@pytest.fixture(scope="module")
def package(assemblies: Path) -> Files:
    return content(assemblies)


@pytest.fixture(scope="module")
def server(sdk: Toolchain, package: Files) -> Iterator[Server]:
    running = Server(neighbours="no")
    warm = Case("first", "", returns(6), [1, 2, 3], {"Handler": "Cases::Cases.Values::Sum", "Timeout": 60})
    run(
        running, "dotnet", "dotnet8", package, warm
    )  # waits for the compiler, if the machine's cache is empty
    yield running
    running.stop()


@pytest.mark.parametrize("case", dotnet_cases.CASES + dotnet_cases.INIT_CASES, ids=lambda case: case.name)
def test_class_library(server: Server, package: Files, case: Case) -> None:
    case.expected.check(run(server, "dotnet", "dotnet8", package, case))


def _options(handler: str, **more: object) -> dict[str, object]:
    return {"Handler": handler, "Timeout": 30, **more}


def test_an_inner_exception_is_the_cause_and_an_aggregates_are_the_causes(
    server: Server, package: Files
) -> None:
    cause = run(
        server,
        "cause",
        "dotnet8",
        package,
        Case("one", "", fails(""), "x", _options("Cases::Cases.Faults::Fails")),
    ).value
    assert (cause["cause"]["errorType"], cause["cause"]["errorMessage"]) == (
        "ArgumentException",
        "the cause: x",
    )
    assert len(cause["cause"]["stackTrace"]) == 1
    many = run(
        server,
        "cause",
        "dotnet8",
        package,
        Case("many", "", fails(""), "x", _options("Cases::Cases.Faults::Many")),
    ).value
    assert many["errorType"] == "AggregateException"
    assert [each["errorType"] for each in many["causes"]] == ["ArgumentException", "FormatException"]


def test_an_assembly_that_deps_json_does_not_name_is_not_found(
    server: Server, sdk: Toolchain, assemblies: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(assemblies, tmp_path / "package"))
    describe(sdk, folder, "Cases", CORE, SERIALIZER)
    case = Case(
        "helper",
        "",
        fails("FileNotFoundException", "Could not load file or assembly 'Helper.*"),
        "x",
        _options("Cases::Cases.Values::Helped"),
    )
    case.expected.check(run(server, "undescribed", "dotnet8", content(folder), case))
    assembly = Case(
        "assembly",
        "",
        fails(
            "LambdaValidationException",
            "Could not find the specified handler assembly with the file name 'Other.*",
        ),
        "x",
        _options(
            "Other::Cases.Values::Upper",
            Environment={"Variables": {"LAMBDA_DOTNET_MAIN_ASSEMBLY": "Cases.dll"}},
        ),
    )
    assembly.expected.check(run(server, "undescribed", "dotnet8", content(folder), assembly))


def test_the_only_files_of_their_kinds_do_for_another_assembly(server: Server, package: Files) -> None:
    files = {name: data for name, data in package.items() if not name.startswith(("Bare.", "Program."))}
    files = {
        name.replace("Cases.deps", "Main.deps").replace("Cases.runtimeconfig", "Main.runtimeconfig"): data
        for name, data in files.items()
    }
    case = Case("renamed", "", returns("X"), "x", _options("Cases::Cases.Values::Upper"))
    case.expected.check(run(server, "only", "dotnet8", files, case))


@pytest.mark.parametrize(("suffix", "status"), [(".deps.json", 105), (".runtimeconfig.json", 106)])
def test_a_package_that_was_not_published_says_what_is_missing(
    server: Server, package: Files, suffix: str, status: int
) -> None:
    files = {name: data for name, data in package.items() if not name.endswith(suffix)}
    case = Case(
        f"without {status}",
        "",
        exits(
            f"exit status {status}",
            log=rf"Error: \.NET binaries for Lambda function are not correctly installed in the /var/task directory .* missing the required \{suffix} file\.",
        ),
        "x",
        _options("Cases::Cases.Values::Upper"),
    )
    case.expected.check(run(server, "unpublished", "dotnet8", files, case))


def test_an_executable_assembly_speaks_to_the_runtime_api_itself(server: Server, package: Files) -> None:
    for handler in ("Program", "Program.dll"):
        case = Case(
            handler,
            "",
            returns([{"a": 1}, handler, 8], log=r'program got \{"a": 1\}'),
            {"a": 1},
            _options(handler),
        )
        case.expected.check(run(server, "executable", "dotnet8", package, case))
    failing = Case("fails", "", fails("Own", "m"), "fail", _options("Program"))
    failing.expected.check(run(server, "executable", "dotnet8", package, failing))


def test_an_executable_that_is_not_there_ends_with_awss_status(server: Server, package: Files) -> None:
    case = Case(
        "none",
        "",
        exits(
            "exit status 104",
            log="Error: executable assembly /var/task/None.dll or binary /var/task/None not found.",
        ),
        None,
        _options("None"),
    )
    case.expected.check(run(server, "executable", "dotnet8", package, case))


def test_a_program_of_machine_code_is_started_as_it_is(server: Server) -> None:
    case = Case("native", "", exits("exit status 7", log="of machine code"), None, _options("Native"))
    case.expected.check(
        run(server, "native", "dotnet10", {"Native": "#!/bin/sh\necho of machine code\nexit 7\n"}, case)
    )


def test_the_wrapper_script_is_put_in_front(server: Server, package: Files) -> None:
    files = {**package, "wrap": '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n'}
    case = Case(
        "wrapped",
        "",
        returns("yes"),
        "WRAPPED",
        _options(
            "Cases::Cases.Values::Surroundings",
            Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrap"}},
        ),
    )
    outcome = run(server, "wrapped", "dotnet8", files, case)
    assert outcome.value[0] == "yes", outcome


def test_a_layer_may_hold_a_store_of_packages(
    server: Server, sdk: Toolchain, assemblies: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(assemblies, tmp_path / "package"))
    (folder / "Helper.dll").unlink()
    version = json.loads((folder / "Cases.deps.json").read_text())["runtimeTarget"]["name"].split("=v")[1]
    tfm = f"netcoreapp{version}" if version == "3.1" else f"net{version}"
    place = f"dotnet/store/x64/{tfm}/helper/1.0.0/lib/netstandard2.0/Helper.dll"
    deps = json.loads((folder / "Cases.deps.json").read_text())
    deps["libraries"]["Helper/1.0.0"] = {
        "type": "package",
        "serviceable": True,
        "sha512": "",
        "path": "helper/1.0.0",
    }
    (folder / "Cases.deps.json").write_text(json.dumps(deps))
    config = json.loads((folder / "Cases.runtimeconfig.json").read_text())
    config["runtimeOptions"]["tfm"] = tfm
    (folder / "Cases.runtimeconfig.json").write_text(json.dumps(config))
    layer = server.client("lambda").publish_layer_version(
        LayerName="store", Content={"ZipFile": zipped({place: (assemblies / "Helper.dll").read_bytes()})}
    )
    options = _options(
        "Cases::Cases.Values::Helped",
        Layers=[layer["LayerVersionArn"]],
        Environment={"Variables": {"DOTNET_SHARED_STORE": "/opt/dotnet/store/"}},
    )
    case = Case("layer", "", returns("Grüße, Ada"), "Ada", options)
    case.expected.check(run(server, "layer", "dotnet8", content(folder), case))


def test_an_environment_goes_on_after_errors_and_the_next_call_is_warm(
    server: Server, package: Files
) -> None:
    client = server.client("lambda")
    client.create_function(
        FunctionName="warm",
        Role=ROLE,
        Runtime="dotnet8",
        Handler="Cases::Cases.Values::Counts",
        Code={"ZipFile": zipped(package)},
        MemorySize=1769,
        Timeout=30,
    )
    answers = [json.load(client.invoke(FunctionName="warm", Payload=b"1")["Payload"]) for _ in range(3)]
    assert answers == [[1, 1], [2, 2], [3, 3]]


def test_a_published_folder_is_deployed_as_it_is(server: Server, assemblies: Path) -> None:
    command = [sys.executable, "-m", "lambda_sandbox", "create-function", "folder", "--code", str(assemblies)]
    command += ["--runtime", "dotnet8", "--handler", "Cases::Cases.Values::Native", "--timeout", "30"]
    subprocess.run([*command, "--endpoint", server.endpoint], check=True, capture_output=True, timeout=120)
    answer = server.client("lambda").invoke(FunctionName="folder", Payload=b"1")
    assert json.load(answer["Payload"]) is True, "the native library has come along"


def test_without_isolation_it_runs_as_well(package: Files, sdk: Toolchain) -> None:
    bare = Server("--isolation", "none", neighbours="no")
    try:
        case = Case(
            "bare", "", returns({"Id": "a!", "Count": 0}), {"Id": "a"}, _options("Cases::Cases.Values::Later")
        )
        case.expected.check(run(bare, "bare", "dotnet8", package, case))
    finally:
        bare.stop()


def test_the_first_environment_waits_for_the_compiler(
    package: Files, sdk: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = Server(neighbours="no")
    try:
        options = {**_options("Cases::Cases.Values::Upper"), "Timeout": 120}
        case = Case("first", "", returns("X"), "x", options)
        case.expected.check(run(first, "compiled", "dotnet8", package, case))
        log = _log(first, "compiled-first")
        assert "client for this runtime is being compiled, once on this machine." in log
        assert next(tmp_path.glob("lambda-sandbox/dotnet-client-*/LambdaClient.dll")).stat().st_size > 10_000
    finally:
        first.stop()


def test_a_client_that_cannot_be_compiled_says_so(package: Files, sdk: Toolchain, tmp_path: Path) -> None:
    """An SDK whose compiler is damaged; the rest of it is the real one's."""
    broken = tmp_path / "sdk"
    broken.mkdir()
    for part in sdk.home.iterdir():
        if part.name not in ("sdk", sdk.executable.name):
            (broken / part.name).symlink_to(part)
    shutil.copy(sdk.executable, broken / "dotnet")
    compiler = broken / "sdk" / "3.1.100" / "Roslyn" / "bincore" / "csc.dll"
    compiler.parent.mkdir(parents=True)
    compiler.write_text("no assembly")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOTNET_ROOT", str(broken))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        refusing = Server("--isolation", "none", neighbours="no")
    try:
        case = Case(
            "broken",
            "",
            fails("Sandbox.RuntimeNotInstalled", "the client for this runtime could not be compiled: .*"),
            "x",
            {**_options("Cases::Cases.Values::Upper"), "Timeout": 60},
        )
        case.expected.check(run(refusing, "refused", "dotnet8", package, case))
    finally:
        refusing.stop()


def test_the_version_that_stands_in_is_said(server: Server, sdk: Toolchain, package: Files) -> None:
    notice = registry.notice("dotnet10")
    if not notice:
        pytest.skip("this machine has .NET 10")
    client = server.client("lambda")
    client.create_function(
        FunctionName="ten",
        Role=ROLE,
        Runtime="dotnet10",
        Handler="Cases::Cases.Values::Upper",
        Code={"ZipFile": zipped(package)},
        Timeout=30,
    )
    answer = client.get_function_configuration(FunctionName="ten")
    assert answer["RuntimeVersionConfig"]["Error"] == {"ErrorCode": "Sandbox.StandIn", "Message": notice}
    assert json.load(client.invoke(FunctionName="ten", Payload=b'"x"')["Payload"]) == "X"


def _publish(server: Server, package: Files, name: str, fails_at: str) -> None:
    server.client("lambda").create_function(
        FunctionName=name,
        Role=ROLE,
        Runtime="dotnet8",
        Handler="Cases::Cases.Hooks::Handle",
        Code={"ZipFile": zipped(package)},
        MemorySize=1769,
        Timeout=30,
        Publish=True,
        SnapStart={"ApplyOn": "PublishedVersions"},
        Environment={"Variables": {"FAILS": fails_at}},
    )


def _has_snapshot(server: Server, name: str) -> bool:
    return ("snapshot", name) in [
        (row["state"], row["function_name"]) for row in history(server)["environments"]
    ]


def test_hooks_run_around_the_snapshot(server: Server, package: Files) -> None:
    _publish(server, package, "hooks", "never")
    until(lambda: _has_snapshot(server, "hooks"))
    returned, _ = invoke(server, "hooks", "1")
    assert returned == ["before second", "before first", "after first", "after second"]
    returned, _ = invoke(server, "hooks", "$LATEST")
    assert returned == [], "without a snapshot there is nothing to run around"


def test_a_hook_that_fails_before_the_snapshot_fails_the_init(server: Server, package: Files) -> None:
    _publish(server, package, "fails-before", "before")
    until(lambda: "INIT_REPORT" in _log(server, "fails-before"))
    log = _log(server, "fails-before")
    assert (
        "\tfail\tFailed to invoke before snapshot hooks: System.InvalidOperationException: before failed\n"
        in log
    )
    assert "Status: error" in log


def test_a_hook_that_fails_after_the_restore_refuses_the_invocation(server: Server, package: Files) -> None:
    _publish(server, package, "fails-after", "after")
    until(lambda: _has_snapshot(server, "fails-after"))
    client = server.client("lambda")
    with pytest.raises(client.exceptions.SnapStartException, match="InvalidOperationException"):
        client.invoke(FunctionName="fails-after", Qualifier="1")


def test_a_stream_that_was_not_json_reaches_the_caller_as_it_is(server: Server, package: Files) -> None:
    case = Case("raw", "", writes("no JSON"), None, _options("Bare::Bare.Streams::Derived"))
    case.expected.check(run(server, "raw", "dotnet8", package, case))
