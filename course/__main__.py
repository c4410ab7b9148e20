"""Start the sandbox, the site and JupyterLab on this machine, and stop all three together."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
from pathlib import Path
from typing import NoReturn

from course.ports import HOST, choose
from course.service import Service, ServiceFailed
from lambda_sandbox import aws_environment
from lambda_sandbox.stop_signals import stop_signals

ROOT = Path(__file__).resolve().parent.parent
READY_TIMEOUT_S = 90.0


def main() -> int:
    options = _parser().parse_args()
    if not (options.site / "index.html").is_file():
        print(f"{options.site} holds no built site; run: make site", file=sys.stderr)
        return 1
    if not options.labs.is_dir():
        print(
            f"{options.labs} is no folder; name the one with the labs, or leave --labs out", file=sys.stderr
        )
        return 1
    try:
        services = make_services(options)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return asyncio.run(run(services))


def make_services(options: argparse.Namespace) -> list[Service]:
    """Choose the ports and return the three services, not yet started."""
    ports: list[int] = []
    wanted = {"sandbox": options.sandbox_port, "site": options.site_port, "JupyterLab": options.jupyter_port}
    for name, port in wanted.items():
        chosen = choose(port, ports)
        if port not in (0, chosen):
            print(f"Port {port} is in use; the {name} takes {chosen} instead.", flush=True)
        ports.append(chosen)
    sandbox_url, site_url, jupyter_url = (f"http://{HOST}:{port}" for port in ports)
    token = secrets.token_urlsafe(24)
    state: Path = options.state.resolve()
    return [
        Service(
            "The sandbox",
            [sys.executable, "-m", "lambda_sandbox", "serve", "--port", str(ports[0]), "--state", str(state)],
            sandbox_url,
            f"{sandbox_url}/_sandbox/health",
            state / "logs" / "sandbox.log",
        ),
        Service(
            "The site",
            [
                sys.executable,
                "-m",
                "course.site_server",
                "--port",
                str(ports[1]),
                "--directory",
                str(options.site),
            ],
            f"{site_url}/index.html",
            f"{site_url}/index.html",
            state / "logs" / "site.log",
            {"PYTHONPATH": str(ROOT)},
        ),
        Service(
            "JupyterLab",
            _jupyter_command(ports[2], options.labs),
            f"{jupyter_url}/lab?token={token}",
            f"{jupyter_url}/api/status",
            state / "logs" / "jupyter.log",
            _jupyter_environment(sandbox_url, token, state),
            {"Authorization": f"token {token}"},
        ),
    ]


async def run(services: list[Service]) -> int:
    """Run the services until a signal (returns 0) or until one of them ends by itself (returns 1)."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, stopping.set)
    told_to_stop = asyncio.create_task(stopping.wait())
    work = asyncio.create_task(_serve(services))
    await asyncio.wait([told_to_stop, work], return_when=asyncio.FIRST_COMPLETED)
    failure = work.exception() if work.done() else None
    for task in (told_to_stop, work):
        task.cancel()
    await asyncio.gather(told_to_stop, work, return_exceptions=True)
    print("\nStopping ..." if failure is None else f"\n{failure}\nStopping the others ...", flush=True)
    await asyncio.gather(*(service.stop() for service in services))
    print("All three have stopped.", flush=True)
    if failure is not None and not isinstance(failure, ServiceFailed):
        raise failure
    return 0 if failure is None else 1


async def _serve(services: list[Service]) -> None:
    print("Starting the sandbox, the site and JupyterLab ...", flush=True)
    await asyncio.gather(*(service.start() for service in services))
    try:
        async with asyncio.TaskGroup() as group:
            for service in services:
                group.create_task(service.ready(READY_TIMEOUT_S))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    print(
        "\n" + "\n".join(f"  {service.name.removeprefix('The '):11}{service.address}" for service in services)
    )
    print("\nCtrl-C stops all three.", flush=True)
    ends = [asyncio.create_task(service.ended()) for service in services]
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in done:
            end.result()
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


def _jupyter_command(port: int, labs: Path) -> list[str]:
    config = ROOT / "course" / "jupyter_config.py"
    root = f"--ServerApp.root_dir={labs.resolve()}"
    return [sys.executable, "-m", "jupyterlab", f"--config={config}", f"--ServerApp.port={port}", root]


def _jupyter_environment(sandbox_url: str, token: str, state: Path) -> dict[str, str | None]:
    """A learner's own Jupyter settings stay out, and notebooks find the sandbox wherever it listens.

    So does a cell that runs before the one with ``connect()``, as after a restart of the kernel: it must not reach
    a learner's own account.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {
        **aws_environment.settings(sandbox_url, os.environ),
        "PATH": path,
        "JUPYTER_TOKEN": token,
        "JUPYTER_CONFIG_DIR": str(state / "jupyter"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "LAMBDA_SANDBOX_ENDPOINT": sandbox_url,
    }


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _port(text: str) -> int:
    if text.isdecimal() and text.isascii() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 65535")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m course", description=__doc__)
    parser.add_argument(
        "--sandbox-port", type=_port, default=9000, help="default 9000; 0 takes any free port"
    )
    parser.add_argument("--site-port", type=_port, default=8000, help="default 8000")
    parser.add_argument("--jupyter-port", type=_port, default=8888, help="default 8888")
    parser.add_argument(
        "--state", type=Path, default=ROOT / ".state", help="what the sandbox keeps; default .state"
    )
    parser.add_argument("--site", type=Path, default=ROOT / "site", help="the built site; default site")
    parser.add_argument("--labs", type=Path, default=ROOT / "labs", help="JupyterLab's folder; default labs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
