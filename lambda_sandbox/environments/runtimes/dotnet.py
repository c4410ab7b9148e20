"""C# functions, and those of other languages of .NET: what AWS's ``bootstrap`` does, with our client in the place of its own.

A handler ``Assembly::Type::Method`` names a method of a class library, which our client loads; a handler without a colon names
a program, which brings ``Amazon.Lambda.RuntimeSupport`` and needs nothing of us. The client is one source file, compiled once a
machine by the SDK that is there. Unlike ``java``, ``dotnet`` runs no source: until it is compiled, environments wait.

Source: AWS Lambda Developer Guide, "Define Lambda function handler in C#"; ``bootstrap.net8.sh`` in github.com/aws/aws-lambda-dotnet
for names of files, texts and exit statuses; read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from lambda_sandbox import quotas
from lambda_sandbox.environments.runtimes.compiled_client import CompiledClient, Compiler
from lambda_sandbox.environments.runtimes.launch import Launch, Request
from lambda_sandbox.environments.runtimes.toolchains import Toolchain, dotnet_versions

SOURCE = Path(__file__).parent / "LambdaClient.cs"
_ASSEMBLY = "LambdaClient.dll"
_MAIN_ASSEMBLY = "LAMBDA_DOTNET_MAIN_ASSEMBLY"
_ICU_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/lib/*-linux-gnu")
_INVARIANT = "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"
_SAYS_WHY = 'echo "Error: $1" >&2; exit "$2"'


def launch(request: Request, dotnet: Toolchain, home: str) -> Launch:
    """Return how to start the function. ``home`` is the folder with ``dotnet`` as the function sees it."""
    program = f"{home}/{dotnet.executable.name}"
    # DIFFERS: a .NET function that was built for an older version runs on the next newer one that this machine has. AWS's runtimes
    # have one version each and fail for another: build for the version of the runtime.
    start = (program, "exec", "--roll-forward", "Major")
    variables = _variables(request.memory_mb, dotnet.version, home)
    if ":" not in request.handler:
        return Launch((_program(request, start),), variables)
    name = request.environment.get(_MAIN_ASSEMBLY, "").removesuffix(".dll") or request.handler.split(":")[0]
    files = []
    for suffix, status in ((".deps.json", 105), (".runtimeconfig.json", 106)):
        file = _beside(request.code, name, suffix)
        if not file:
            return Launch((_refused(_incomplete(request.places.task, suffix), status),), variables)
        files.append(f"{request.places.task}/{file}")
    # DIFFERS: the stack trace of a .NET function ends with its own frames; on AWS those of Lambda's runtime client follow.
    folder = f"dotnet-{dotnet.version}"
    inside = f"{request.places.runtime}/{folder}"
    options = ("--depsfile", files[0], "--runtimeconfig", files[1])
    command: tuple[str, ...] = (*start, *options, f"{inside}/{_ASSEMBLY}", request.handler)
    if not client(dotnet).is_at(request.runtime_folder / folder, lambda draft: compiler(dotnet, draft)):
        wait = f"{request.places.runtime}/wait_for_client.py"
        command = (request.places.python, "-E", "-s", "-S", "-X", "utf8", wait, inside, *command)
    return Launch((command,), variables)


def without_sdk(request: Request) -> Launch | None:
    """Return how to start a program that was compiled to machine code and needs no .NET; ``None`` for any other function."""
    if ":" in request.handler or not _is_file(request.code, request.handler):
        return None
    return Launch((_program(request, ()),)) if not _is_file(request.code, _dll(request.handler)) else None


@cache
def client(dotnet: Toolchain) -> CompiledClient:
    """Return the client that suits every version in ``dotnet``'s folder: it is compiled for the oldest."""
    return CompiledClient("dotnet-client", SOURCE, dotnet_versions(dotnet.home)[0])


def compiler(dotnet: Toolchain, folder: str) -> Compiler:
    """Return how the SDK's own compiler writes the client into ``folder``, without a project and without a network."""
    options = ("-nologo", "-noconfig", "-nostdlib", "-langversion:8", "-optimize", "-debug-")
    references = tuple(f"-r:{path}" for path in reference_assemblies(dotnet.home))
    output = f"-out:{folder}/{_ASSEMBLY}"
    command = (str(dotnet.executable), str(csc(dotnet.home)), *options, *references, output, str(SOURCE))
    # The compiler needs no rules of languages, and the many heaps that it asks for are for large programs.
    return Compiler(command, {_INVARIANT: "1", "DOTNET_gcServer": "0", "COMPlus_gcServer": "0"})


def csc(home: Path) -> Path:
    """Return the C# compiler of the newest SDK in ``home``."""
    found = home.glob("sdk/*/Roslyn/bincore/csc.dll")
    return max(found, key=lambda path: [int(part) for part in re.findall(r"\d+", path.parents[2].name)])


def reference_assemblies(home: Path) -> list[Path]:
    """Return what to compile against for the oldest version in ``home``: its reference assemblies, else the framework itself."""
    oldest = dotnet_versions(home)[0]
    for place in ("packs/Microsoft.NETCore.App.Ref/{}*/ref/*", "shared/Microsoft.NETCore.App/{}*"):
        for folder in sorted(home.glob(place.format(f"{oldest}."))):
            found = sorted(folder.glob("*.dll"))
            if found:
                return found
    return []


def _variables(memory_mb: int, version: str, home: str) -> Mapping[str, str]:
    """AWS leaves the compiler's tiers as they are, and so do we."""
    prefix = _prefix(version)
    variables = {
        "DOTNET_ROOT": home,
        # AWS's client sets the same limit; by itself the collector would go by the host's memory.
        f"{prefix}_GCHeapHardLimit": f"0x{memory_mb * quotas.MIB:X}",
        # The debugger's pipes would lie in the function's /tmp.
        f"{prefix}_EnableDiagnostics": "0",
        # POLICY: ``DOTNET_EnableWriteXorExecute`` is 0 for .NET functions, or the code that .NET compiles as it runs would count as
        # files in /tmp.
        f"{prefix}_EnableWriteXorExecute": "0",
    }
    # AWS's image has ICU. A machine without it could start nothing but with the rules of no language.
    if not _has_icu(version):
        variables[_INVARIANT] = "1"
    return variables


def _prefix(version: str) -> str:
    """Return what the names of the runtime's own settings begin with."""
    return "COMPlus" if version == "3.1" else "DOTNET"


@cache
def _has_icu(version: str) -> bool:
    # .NET Core 3.1 knows none that is newer than itself.
    return version != "3.1" and any(
        next(Path("/").glob(f"{folder[1:]}/libicuuc.so.[0-9]*"), None) is not None for folder in _ICU_FOLDERS
    )


def _is_file(code: Path | None, name: str) -> bool:
    return code is not None and (code / name).is_file()


def _dll(handler: str) -> str:
    return handler if handler.endswith(".dll") else f"{handler}.dll"


def _program(request: Request, start: tuple[str, ...]) -> tuple[str, ...]:
    binary, assembly = (f"{request.places.task}/{name}" for name in (request.handler, _dll(request.handler)))
    if request.code is None or _is_file(request.code, _dll(request.handler)):
        return (*start, assembly)
    if _is_file(request.code, request.handler):
        return (binary,)
    return _refused(f"executable assembly {assembly} or binary {binary} not found.", 104)


def _beside(code: Path | None, name: str, suffix: str) -> str:
    """Return the file that belongs to the assembly, else the only one of its kind; empty where there is none."""
    if code is None or (code / (name + suffix)).is_file():
        return name + suffix
    found = [path.name for path in code.glob(f"*{suffix}")]
    return found[0] if len(found) == 1 else ""


def _incomplete(task: str, suffix: str) -> str:
    return (
        f".NET binaries for Lambda function are not correctly installed in the {task} directory of the image "
        f"when the image was built. The {task} directory is missing the required {suffix} file."
    )


def _refused(text: str, status: int) -> tuple[str, ...]:
    return ("/bin/sh", "-c", _SAYS_WHY, "sh", text, str(status))
