"""The table of runtimes: how each is started on this machine, which version stands in, and what is missing.

``doctor`` prints ``available()``; an environment is started by ``launch()``; whoever describes a function says ``notice()``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from lambda_sandbox import runtime_identifiers
from lambda_sandbox.environments.runtimes import dotnet, java, toolchains
from lambda_sandbox.environments.runtimes.launch import Launch, Places, Request
from lambda_sandbox.environments.runtimes.toolchains import Toolchain
from lambda_sandbox.resources import FunctionConfiguration
from lambda_sandbox.runtime_identifiers import RuntimeIdentifier

_WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
_MISSING = {
    "nodejs": "Node.js is not installed: install the package 'nodejs', or put node on PATH.",
    "java": "no JDK of version 17 or newer is installed: install the package 'openjdk-17-jdk-headless', or set JAVA_HOME.",
    "ruby": "Ruby is not installed: install the package 'ruby', or put ruby on PATH.",
    "dotnet": "no .NET SDK is installed: install the package 'dotnet-sdk-10.0', or set DOTNET_ROOT. "
    "Only programs published with PublishAot run without it.",
}
_TITLES = {"python": "Python", "nodejs": "Node.js", "java": "Java", "ruby": "Ruby", "dotnet": ".NET"}


@dataclass(frozen=True, slots=True)
class RuntimeAvailability:
    """``detail`` is one sentence: what runs it, which version stands in, or what to install."""

    name: str
    available: bool
    detail: str


def available(native: bool = False) -> list[RuntimeAvailability]:
    """Return every runtime in the order of the table. ``native``: Python functions run under ``awslambdaric``."""
    return [_availability(runtime, native) for runtime in runtime_identifiers.RUNTIMES]


def notice(name: str, native: bool = False) -> str:
    """Return one sentence about a runtime that does not run as asked for: another version, or nothing; else ``""``."""
    runtime = runtime_identifiers.find(name)
    if runtime is None:
        return f"the sandbox does not start the runtime {name}."
    chosen = _choose(runtime, native)
    if chosen is None:
        return "" if runtime.os_only else _MISSING[runtime.language]
    return _stand_in(runtime, chosen, native)


def toolchain(name: str) -> Toolchain | None:
    """Return what runs a runtime on this machine; ``None`` for a missing one, and for those that need none."""
    runtime = runtime_identifiers.find(name)
    return _choose(runtime, native=False) if runtime is not None else None


def folders() -> dict[str, str]:
    """Return what an isolated environment must see of the host beside ``/usr``: path inside, path on the host."""
    found = [tool for tool in _all_toolchains() if not tool.in_system]
    mounts = {_home_inside(tool, bare=False): str(tool.home) for tool in found}
    # Debian's JDKs keep their configuration here and link to it.
    mounts |= {str(folder): str(folder) for folder in sorted(Path("/etc").glob("java-*-openjdk"))}
    return mounts


def launch(
    function: FunctionConfiguration,
    places: Places,
    runtime_folder: Path,
    native: bool = False,
    anew: bool = False,
    code: Path | None = None,
) -> Launch:
    """Return how to start the function's runtime. Never raises: what cannot be started says so in ``missing``.

    ``code`` is the function's folder on the host, where its files are looked for; without it they are taken to be there.
    ``anew``: as a program that starts when its code is there, for the sake of the libraries that it brings.
    """
    runtime = runtime_identifiers.find(function.runtime)
    if runtime is None:
        return Launch(missing=notice(function.runtime))
    request = Request(
        runtime.name,
        runtime.version,
        function.handler,
        function.memory_mb,
        native,
        places,
        runtime_folder,
        code,
        function.environment,
    )
    if runtime.os_only:
        return _provided(request)
    started = _started(runtime, request, _choose(runtime, native))
    if started is None:
        return Launch(missing=f"{runtime.name}: {_MISSING[runtime.language]}")
    wrapper = function.environment.get(_WRAPPER, "")
    if not wrapper and not anew:
        return replace(started, ahead=started.ahead and not any(map(_is_read_early, function.environment)))
    commands = started.commands or (_lean_client(places.python, places),)
    if wrapper:
        commands = tuple((places.translate(wrapper), *command) for command in commands)
    return replace(started, commands=commands, fork="", ahead=False)


def _started(runtime: RuntimeIdentifier, request: Request, toolchain: Toolchain | None) -> Launch | None:
    if toolchain is None:
        return dotnet.without_sdk(request) if runtime.language == "dotnet" else None
    return _STARTERS[runtime.language](request, toolchain)


def _is_read_early(name: str) -> bool:
    """True for a variable that a program or one of its libraries may read when it starts, and not again."""
    return name.startswith(
        ("NODE_", "UV_", "OPENSSL_", "SSL_", "LD_", "MALLOC_", "LANG", "LC_", "TZ", "ICU_")
    )


def _lean_client(python: str, places: Places) -> tuple[str, ...]:
    return (python, "-E", "-s", "-S", "-X", "utf8", f"{places.runtime}/python_client.py")


def _availability(runtime: RuntimeIdentifier, native: bool) -> RuntimeAvailability:
    if runtime.os_only:
        return RuntimeAvailability(runtime.name, True, "any executable named bootstrap")
    chosen = _choose(runtime, native)
    if chosen is None:
        return RuntimeAvailability(runtime.name, False, _MISSING[runtime.language])
    detail = _stand_in(runtime, chosen, native) or f"runs on {chosen.executable}."
    if runtime.deprecated:
        detail += " AWS has deprecated it."
    return RuntimeAvailability(runtime.name, True, detail)


def _choose(runtime: RuntimeIdentifier, native: bool) -> Toolchain | None:
    if runtime.language == "python":
        # awslambdaric's extension is built for one version: in native mode that of the sandbox itself.
        found = None if native else toolchains.find_python(runtime.version)
        return found or toolchains.host_python()
    finders: dict[str, Callable[[], tuple[Toolchain, ...]]] = {
        "nodejs": toolchains.find_node,
        "java": toolchains.find_java,
        "ruby": toolchains.find_ruby,
        "dotnet": toolchains.find_dotnet,
    }
    return _nearest(runtime.version, finders[runtime.language]()) if runtime.language in finders else None


def _nearest(wanted: str, found: tuple[Toolchain, ...]) -> Toolchain | None:
    """Return the version asked for, else the next newer one, else the newest."""
    ordered = sorted(found, key=lambda tool: _numbers(tool.version))
    newer = (tool for tool in ordered if _numbers(tool.version) >= _numbers(wanted))
    return next(newer, ordered[-1] if ordered else None)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _stand_in(runtime: RuntimeIdentifier, toolchain: Toolchain, native: bool) -> str:
    if toolchain.version == runtime.version:
        return ""
    title = _TITLES[runtime.language]
    has = f"{title} {toolchain.version or 'of an unknown version'}"
    reason = (
        f"awslambdaric is there for {has} only"
        if native and runtime.language == "python"
        else (f"this machine has no {title} {runtime.version}")
    )
    return f"{runtime.name} runs on {has}: {reason}."


def _all_toolchains() -> list[Toolchain]:
    versions = [runtime.version for runtime in runtime_identifiers.RUNTIMES if runtime.language == "python"]
    host = toolchains.host_python()
    pythons = [tool for version in versions if (tool := toolchains.find_python(version)) and tool != host]
    others = (toolchains.find_node, toolchains.find_java, toolchains.find_ruby, toolchains.find_dotnet)
    return [*pythons, *(tool for find in others for tool in find())]


def _home_inside(toolchain: Toolchain, bare: bool) -> str:
    if bare or toolchain.in_system:
        return str(toolchain.home)
    return f"/var/lang-{toolchain.executable.name.rstrip('.0123456789')}{toolchain.version}"


def _inside(toolchain: Toolchain, bare: bool) -> str:
    """Return the executable's path as the function sees it."""
    return f"{_home_inside(toolchain, bare)}/{toolchain.executable.relative_to(toolchain.home)}"


def _python(request: Request, toolchain: Toolchain) -> Launch:
    if request.native:
        command = (request.places.python, "-X", "utf8", "-S", "-m", "awslambdaric", request.handler)
        python = f"{request.places.layers}/python"
        path = (f"{python}/lib/python{request.version}/site-packages", python, request.places.runtime)
        return Launch((command,), import_path=path)
    if toolchain == toolchains.host_python():
        return Launch()
    bare = request.places.bare
    program = _inside(toolchain, bare)
    libraries = f"{_home_inside(toolchain, bare)}/lib"
    return Launch(
        (_lean_client(program, request.places),),
        libraries=libraries,
        fork="" if bare else program,
    )


# DIFFERS: Node.js functions find the AWS SDK that you have installed and named with ``--node-modules``, and without that option none.
# AWS's runtimes have version 3 on board. What you import (``@aws-sdk/client-s3``) may also come in the package or a layer.
def _node(request: Request, toolchain: Toolchain) -> Launch:
    layers, version = request.places.layers, request.version
    path = (
        f"{layers}/nodejs/node{version}/node_modules",
        f"{layers}/nodejs/node_modules",
        request.places.node_modules,
        request.places.runtime,
        request.places.task,
    )
    command = (
        _inside(toolchain, request.places.bare),
        "--max-http-header-size=81920",
        f"--max-semi-space-size={max(1, request.memory_mb * 5 // 100)}",
        f"--max-old-space-size={request.memory_mb * 9 // 10}",
        f"{request.places.runtime}/node_client.mjs",
    )
    return Launch((command,), {"NODE_PATH": ":".join(path)}, ahead=not request.places.bare)


def _java(request: Request, toolchain: Toolchain) -> Launch:
    return java.launch(request, toolchain, _home_inside(toolchain, request.places.bare))


def _dotnet(request: Request, toolchain: Toolchain) -> Launch:
    return dotnet.launch(request, toolchain, _home_inside(toolchain, request.places.bare))


def _ruby(request: Request, toolchain: Toolchain) -> Launch:
    layers, task = request.places.layers, request.places.task
    version = f"{request.version}.0"
    variables = {
        "GEM_PATH": f"{task}/vendor/bundle/ruby/{version}:{layers}/ruby/gems/{version}",
        "RUBYLIB": f"{task}:{layers}/ruby/lib",
    }
    client = f"{request.places.runtime}/ruby_client.rb"
    return Launch(((_inside(toolchain, request.places.bare), client),), variables)


def _provided(request: Request) -> Launch:
    return Launch(((f"{request.places.task}/bootstrap",), (f"{request.places.layers}/bootstrap",)))


_STARTERS: dict[str, Callable[[Request, Toolchain], Launch]] = {
    "python": _python,
    "nodejs": _node,
    "java": _java,
    "ruby": _ruby,
    "dotnet": _dotnet,
}
