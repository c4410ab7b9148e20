"""Which interpreters and virtual machines this machine has, found by looking at files: nothing is run to find out."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ELF = b"\x7fELF"
_JAVA_MINIMUM = 17
_DOTNET_FOLDERS = ("/usr/share/dotnet", "/usr/lib/dotnet", "/usr/lib64/dotnet", "~/.dotnet")


@dataclass(frozen=True, slots=True)
class Toolchain:
    """``executable`` is the program itself, never a shim; ``home`` the folder that holds all it needs; ``version`` as known."""

    executable: Path
    home: Path
    version: str

    @property
    def in_system(self) -> bool:
        """True when every environment sees it anyway, below ``/usr``."""
        return self.home.is_relative_to("/usr")


@cache
def host_python() -> Toolchain:
    """Return the interpreter that runs the sandbox, outside any virtual environment."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return Toolchain(Path(os.path.realpath(sys.executable)), Path(os.path.realpath(sys.base_prefix)), version)


@cache
def find_python(version: str) -> Toolchain | None:
    """Return the interpreter of ``version`` (such as ``3.12``), if the machine has it."""
    host = host_python()
    if version == host.version:
        return host
    name = f"python{version}"
    places = [*_on_path(name), *(folder / "bin" / name for folder in _python_folders(version))]
    for place in places:
        program = _program(place)
        if program is not None and (program.parent.parent / "lib" / name).is_dir():
            return Toolchain(program, program.parent.parent, version)
    return None


@cache
def find_node() -> tuple[Toolchain, ...]:
    """Return every Node.js that is on ``PATH`` or managed by nvm; the version is ``""`` where only running it would tell."""
    places = [*_on_path("node"), *_globbed("~/.nvm/versions/node", "v*/bin/node")]
    return _unique(places, lambda program: _node_version(program.parent.parent))


@cache
def find_java() -> tuple[Toolchain, ...]:
    """Return every JDK of version 17 or newer; a JRE without the compiler does not count."""
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    places = [home / "bin" / "java" for home in homes]
    places += [
        *_on_path("java"),
        *_globbed("/usr/lib/jvm", "*/bin/java"),
        *_globbed("~/.sdkman/candidates/java", "*/bin/java"),
    ]
    found = _unique(places, lambda program: _java_version(program.parent.parent))
    return tuple(
        jdk
        for jdk in found
        if jdk.version.isdigit()
        and int(jdk.version) >= _JAVA_MINIMUM
        and (jdk.home / "bin" / "javac").exists()
    )


@cache
def find_ruby() -> tuple[Toolchain, ...]:
    """Return every Ruby on ``PATH`` or managed by rbenv; the version is that of its folder of libraries."""
    places = [*_on_path("ruby"), *_globbed("~/.rbenv/versions", "*/bin/ruby")]
    return _unique(places, lambda program: _ruby_version(program))


@cache
def find_dotnet() -> tuple[Toolchain, ...]:
    """Return every version of .NET that lies beside an SDK; one without the SDK's compiler does not count.

    Versions are the majors (``8``), and ``3.1``; those of one folder share their ``executable`` and ``home``.
    """
    homes = [Path(os.environ["DOTNET_ROOT"])] if os.environ.get("DOTNET_ROOT") else []
    places = [home / "dotnet" for home in homes]
    places += [*_on_path("dotnet"), *(Path(folder).expanduser() / "dotnet" for folder in _DOTNET_FOLDERS)]
    programs = dict.fromkeys(program for place in places if (program := _program(place)) is not None)
    return tuple(
        Toolchain(program, program.parent, version)
        for program in programs
        if next(program.parent.glob("sdk/*/Roslyn/bincore/csc.dll"), None) is not None
        for version in dotnet_versions(program.parent)
    )


def dotnet_versions(home: Path) -> list[str]:
    """Return the versions of the framework in an installation's folder, the oldest first."""
    names = {folder.name for folder in home.glob("shared/Microsoft.NETCore.App/*.*.*")}
    versions = {".".join(name.split(".")[: 2 if name.startswith("3.") else 1]) for name in names}
    return sorted(
        (each for each in versions if each[0].isdigit()), key=lambda each: [int(n) for n in each.split(".")]
    )


def _on_path(name: str) -> Iterator[Path]:
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        found = shutil.which(name, path=folder) if folder else None
        if found is not None:
            yield Path(found)


def _globbed(folder: str, pattern: str) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(Path(folder).expanduser().glob(pattern), reverse=True)
    return []


def _python_folders(version: str) -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", "~/.local/share/uv/python")).expanduser()
    for folder, pattern in ((pyenv, f"{version}.*"), (uv, f"cpython-{version}.*")):
        with contextlib.suppress(OSError):  # another user's, which this one may not read
            yield from sorted(folder.glob(pattern), reverse=True)


def _program(place: Path) -> Path | None:
    """Return the program behind a name, or ``None``: a shim is a script, and starting one costs ten times an interpreter."""
    program = Path(os.path.realpath(place))
    try:
        with program.open("rb") as file:
            is_program = file.read(4) == _ELF
    except OSError:
        return None
    return program if is_program or sys.platform != "linux" else None


def _unique(places: list[Path], version_of: Callable[[Path], str]) -> tuple[Toolchain, ...]:
    found: dict[Path, Toolchain] = {}
    for place in places:
        program = _program(place)
        if program is not None and program not in found:
            found[program] = Toolchain(program, program.parent.parent, version_of(program))
    return tuple(found.values())


def _node_version(home: Path) -> str:
    header = home / "include" / "node" / "node_version.h"
    try:
        for line in header.read_text().splitlines():
            if line.startswith("#define NODE_MAJOR_VERSION"):
                return line.split()[-1]
    except OSError:
        pass
    return home.name.lstrip("v").split(".")[0] if home.name.startswith("v") else ""


def _java_version(home: Path) -> str:
    try:
        lines = (home / "release").read_text().splitlines()
    except OSError:
        return ""
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values.get("JAVA_VERSION", "").strip('"').split(".")[0]


def _ruby_version(program: Path) -> str:
    name = program.name.removeprefix("ruby")
    if name:
        return name
    folders = sorted((program.parent.parent / "lib" / "ruby").glob("[0-9]*"), reverse=True)
    return ".".join(folders[0].name.split(".")[:2]) if folders else ""
