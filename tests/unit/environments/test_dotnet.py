"""Where .NET is found, and with which command a function's package is started."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lambda_sandbox.environments.runtimes import compiled_client, dotnet, registry, toolchains
from lambda_sandbox.environments.runtimes.launch import Launch, Places
from tests.unit.environments.test_runtimes import function

INSIDE = Places("/var/lang/bin/python3")
HANDLER = "Shop::Shop.Quote::Handle"


def installed(home: Path, *versions: str, sdk: str = "8.0.100") -> Path:
    """Make what an installation of .NET looks like from outside."""
    home.mkdir(parents=True)
    (home / "dotnet").write_bytes(b"\x7fELF")
    (home / "dotnet").chmod(0o755)
    for version in versions:
        (home / "shared" / "Microsoft.NETCore.App" / version).mkdir(parents=True)
        (home / "shared" / "Microsoft.NETCore.App" / version / "System.Runtime.dll").write_text("")
    if sdk:
        (home / "sdk" / sdk / "Roslyn" / "bincore").mkdir(parents=True)
        (home / "sdk" / sdk / "Roslyn" / "bincore" / "csc.dll").write_text("")
    return home


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without .NET; the test installs what it wants below the folder."""
    for name in ("DOTNET_ROOT", "COMPlus_gcServer"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(toolchains, "_DOTNET_FOLDERS", (str(tmp_path / "usual"),))
    monkeypatch.setattr(toolchains, "find_dotnet", toolchains.find_dotnet.__wrapped__)
    monkeypatch.setattr(compiled_client, "_compilers", {})
    return tmp_path


def versions() -> list[str]:
    return [tool.version for tool in toolchains.find_dotnet()]


def test_dotnet_is_found_by_its_variable_on_path_and_where_it_usually_lies(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert versions() == []
    installed(machine / "usual", "8.0.11")
    assert versions() == ["8"]
    installed(machine / "elsewhere", "9.0.1")
    (machine / "bin").mkdir()
    (machine / "bin" / "dotnet").symlink_to(machine / "elsewhere" / "dotnet")
    assert versions() == ["9", "8"]
    monkeypatch.setenv("DOTNET_ROOT", str(installed(machine / "own", "10.0.0-rc.1.25451.107", "3.1.2")))
    assert versions() == ["3.1", "10", "9", "8"]
    assert toolchains.find_dotnet()[0].home == machine / "own"


def test_an_installation_without_a_compiler_does_not_count(machine: Path) -> None:
    installed(machine / "usual", "8.0.11", sdk="")
    assert versions() == []
    assert registry.notice("dotnet8").startswith(
        "no .NET SDK is installed: install the package 'dotnet-sdk-10.0'"
    )


def test_versions_are_ordered_as_numbers(machine: Path) -> None:
    home = installed(machine / "usual", "10.0.1", "9.0.4", "8.0.0", "8.0.11")
    assert toolchains.dotnet_versions(home) == ["8", "9", "10"]


def test_the_version_asked_for_runs_and_another_stands_in_and_is_said(machine: Path) -> None:
    installed(machine / "usual", "8.0.11", "9.0.1")
    assert registry.notice("dotnet8") == ""
    assert registry.notice("dotnet10") == "dotnet10 runs on .NET 9: this machine has no .NET 10."
    found = {runtime.name: runtime for runtime in registry.available()}
    assert found["dotnet8"].available
    assert found["dotnet8"].detail == f"runs on {machine}/usual/dotnet. AWS has deprecated it."


def test_its_folder_is_shown_inside(machine: Path) -> None:
    home = installed(machine / "usual", "8.0.11", "10.0.0")
    shown = registry.folders()
    assert (shown["/var/lang-dotnet8"], shown["/var/lang-dotnet10"]) == (str(home), str(home))


def package(machine: Path, *names: str) -> Path:
    code = machine / "code"
    code.mkdir()
    for name in names:
        (code / name).write_text("")
    return code


def launch(machine: Path, code: Path, handler: str = HANDLER, **variables: str) -> Launch:
    runtime = machine / "runtime"
    runtime.mkdir(exist_ok=True)
    asked = replace(function("dotnet8", environment=variables, memory_mb=512), handler=handler)
    return registry.launch(asked, INSIDE, runtime, code=code)


PUBLISHED = ("Shop.dll", "Shop.deps.json", "Shop.runtimeconfig.json")


def test_a_class_library_is_started_with_the_files_that_publishing_wrote(machine: Path) -> None:
    installed(machine / "usual", "8.0.11")
    (machine / "runtime" / "dotnet-8").mkdir(parents=True)
    started = launch(machine, package(machine, *PUBLISHED))
    assert started.commands == (
        (
            "/var/lang-dotnet8/dotnet",
            *("exec", "--roll-forward", "Major"),
            *("--depsfile", "/var/task/Shop.deps.json"),
            *("--runtimeconfig", "/var/task/Shop.runtimeconfig.json"),
            "/var/runtime/dotnet-8/LambdaClient.dll",
            HANDLER,
        ),
    )
    assert started.variables["DOTNET_ROOT"] == "/var/lang-dotnet8"
    assert int(started.variables["DOTNET_GCHeapHardLimit"], 16) == 512 * 1024 * 1024
    assert started.variables["DOTNET_EnableDiagnostics"] == "0"
    assert started.variables["DOTNET_EnableWriteXorExecute"] == "0"


def test_until_the_client_is_compiled_the_command_waits_for_it(machine: Path) -> None:
    installed(machine / "usual", "8.0.11")
    (command,) = launch(machine, package(machine, *PUBLISHED)).commands
    assert command[0] == "/var/lang/bin/python3"
    place = command.index("/var/runtime/wait_for_client.py")
    assert command[place + 1 : place + 3] == ("/var/runtime/dotnet-8", "/var/lang-dotnet8/dotnet")
    assert [each.name for each in compiled_client._compilers] == ["dotnet-8"]
    for process in compiled_client._compilers.values():
        process.wait(timeout=60)


@pytest.mark.parametrize(
    ("names", "main", "used"),
    [
        (("Main.deps.json", "Main.runtimeconfig.json"), "", "Main"),
        (("Main.deps.json", "Main.runtimeconfig.json", *PUBLISHED), "Main", "Main"),
        (("Main.deps.json", "Main.runtimeconfig.json", *PUBLISHED), "Main.dll", "Main"),
        (("Main.deps.json", "Main.runtimeconfig.json", *PUBLISHED), "", "Shop"),
    ],
    ids=["the only ones", "named in the variable", "named with its suffix", "the assembly's own"],
)
def test_which_files_are_taken(machine: Path, names: tuple[str, ...], main: str, used: str) -> None:
    installed(machine / "usual", "8.0.11")
    (machine / "runtime" / "dotnet-8").mkdir(parents=True)
    started = launch(machine, package(machine, *names), LAMBDA_DOTNET_MAIN_ASSEMBLY=main)
    assert f"/var/task/{used}.deps.json" in started.commands[0]
    assert f"/var/task/{used}.runtimeconfig.json" in started.commands[0]


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (("Shop.dll",), "105"),
        (("Shop.dll", "A.deps.json", "B.deps.json"), "105"),
        (("Shop.deps.json",), "106"),
    ],
    ids=["neither", "several", "no runtimeconfig"],
)
def test_a_package_without_them_ends_with_awss_status(
    machine: Path, names: tuple[str, ...], status: str
) -> None:
    installed(machine / "usual", "8.0.11")
    (command,) = launch(machine, package(machine, *names)).commands
    assert (command[0], command[-1]) == ("/bin/sh", status)


def test_a_program_needs_no_client(machine: Path) -> None:
    installed(machine / "usual", "8.0.11")
    code = package(machine, "Shop.dll", "Shop", "Native")
    assert launch(machine, code, "Shop").commands[0][-1] == "/var/task/Shop.dll"
    assert launch(machine, code, "Shop.dll").commands[0][-1] == "/var/task/Shop.dll"
    assert launch(machine, code, "Native").commands == (("/var/task/Native",),)
    assert launch(machine, code, "None").commands[0][-1] == "104"
    assert compiled_client._compilers == {}


def test_machine_code_runs_where_no_sdk_is(machine: Path) -> None:
    code = package(machine, "Shop.dll", "Native")
    assert launch(machine, code, "Native").commands == (("/var/task/Native",),)
    for handler in ("Shop", "None", HANDLER):
        started = launch(machine, code, handler)
        assert started.commands == ()
        assert started.missing.startswith("dotnet8: no .NET SDK is installed")


def test_the_client_is_compiled_for_the_oldest_framework_by_the_newest_compiler(machine: Path) -> None:
    home = installed(machine / "usual", "10.0.0", "8.0.11", sdk="9.0.100")
    newest = home / "sdk" / "10.0.100" / "Roslyn" / "bincore" / "csc.dll"
    newest.parent.mkdir(parents=True)
    newest.write_text("")
    assert dotnet.csc(home) == newest
    framework = home / "shared" / "Microsoft.NETCore.App" / "8.0.11" / "System.Runtime.dll"
    assert dotnet.reference_assemblies(home) == [framework]
    for version in ("10.0.0", "8.0.4"):
        pack = home / "packs" / "Microsoft.NETCore.App.Ref" / version / "ref" / f"net{version[:-2]}"
        pack.mkdir(parents=True)
        (pack / "System.Runtime.dll").write_text("")
    (reference,) = dotnet.reference_assemblies(home)
    assert "Ref/8.0.4/ref" in str(reference)
    clients = {dotnet.client(tool).cache_folder() for tool in toolchains.find_dotnet()}
    assert len(clients) == 1, "one client for all of a folder's versions"


def test_settings_have_the_names_that_the_version_knows(machine: Path) -> None:
    installed(machine / "usual", "3.1.2", sdk="3.1.102")
    (machine / "runtime" / "dotnet-3.1").mkdir(parents=True)
    variables = launch(machine, package(machine, *PUBLISHED)).variables
    assert "COMPlus_GCHeapHardLimit" in variables
    assert "DOTNET_GCHeapHardLimit" not in variables
    assert variables["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] == "1", "it knows no ICU of today"


def test_without_icu_on_the_machine_the_rules_are_those_of_no_language(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(machine / "usual", "8.0.11")
    (machine / "runtime" / "dotnet-8").mkdir(parents=True)
    code = package(machine, *PUBLISHED)
    name = "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"
    libraries = machine / "lib"
    libraries.mkdir()
    monkeypatch.setattr(dotnet, "_has_icu", dotnet._has_icu.__wrapped__)
    monkeypatch.setattr(dotnet, "_ICU_FOLDERS", (str(libraries),))
    assert launch(machine, code).variables[name] == "1"
    (libraries / "libicuuc.so.72").write_text("")
    assert name not in launch(machine, code).variables


def test_without_isolation_paths_are_the_hosts(machine: Path) -> None:
    home = installed(machine / "usual", "8.0.11")
    runtime = machine / "runtime"
    (runtime / "dotnet-8").mkdir(parents=True)
    code = package(machine, *PUBLISHED)
    places = Places(sys.executable, str(runtime), str(code), "/l", bare=True)
    asked = replace(function("dotnet8"), handler=HANDLER)
    (command,) = registry.launch(asked, places, runtime, code=code).commands
    assert command[0] == f"{home}/dotnet"
    assert f"{code}/Shop.deps.json" in command
    assert f"{runtime}/dotnet-8/LambdaClient.dll" in command
