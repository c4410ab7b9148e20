"""The neighbours' process: ``python -m lambda_sandbox.services.moto_process LISTEN_FD``.

It serves moto on an inherited listening socket, prints one line when it is ready, and ends when its standard input does:
the pipe's other end is its parent's, so no neighbour outlives its sandbox.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import ipaddress
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lambda_sandbox.services import (
    aws_policies,
    bucket_policies,
    distributions,
    firewall_refusals,
    kms_refusals,
    load_balancers,
    object_bodies,
    queue_moves,
    unserved_triggers,
    workflows,
)
from lambda_sandbox.services.api_gateway import rest_definitions, v2_definitions
from lambda_sandbox.services.api_gateway.application import ApiGateway
from lambda_sandbox.services.door_definitions import DoorDefinitions
from lambda_sandbox.services.forwarder import (
    ENDPOINT_VARIABLE,
    REACH_VARIABLE,
    Forwarder,
    replace_lambda_backend,
)
from lambda_sandbox.services.identities import Identities
from lambda_sandbox.services.log_reading import interleave_streams
from lambda_sandbox.services.postgres import installing as databases
from lambda_sandbox.services.postgres.administration import is_own_socket
from lambda_sandbox.services.postgres.kept import KeptInstances, folder_from_environment
from lambda_sandbox.services.queue_waiting import make_queues_thread_safe
from lambda_sandbox.services.resource_policies import ResourcePolicies
from lambda_sandbox.services.schedule_listing import ScheduleListing
from lambda_sandbox.services.service_events import ServiceEvents
from lambda_sandbox.services.stream_sharding import (
    correct_dynamodb_streams,
    correct_kinesis,
    enable_streams_again,
)
from lambda_sandbox.services.table_rules import compare_any_types, refuse_large_batches
from lambda_sandbox.services.table_writes import one_request_at_a_time, undo_cancelled_transactions
from lambda_sandbox.services.trace_headers import TraceHeaders, mark_messages
from lambda_sandbox.services.trigger_sources import SOURCES, Hook
from lambda_sandbox.services.unavailable import NoRoute, NotEmulated, UnknownService
from lambda_sandbox.services.wsgi_server import Environ, serve_forever


def end_with_parent(folder: Path) -> None:
    """Leave at once when standard input ends, and take our folder along: a killed parent cannot. Runs in a thread."""
    while os.read(0, 4096):
        pass
    with contextlib.suppress(Exception):
        databases.end()
    with contextlib.suppress(OSError):
        for name in ("moto.sock", "moto.log"):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()
    os._exit(0)


class Reach:
    """Audit hook: what moto may connect to. Anything else is a ``PermissionError``.

    This machine's addresses; of its Unix sockets only those of the databases, as behind others there is a Docker that moto's
    Batch would give containers with the whole machine in them. With ``own`` (``http://127.0.0.1:PORT``, the sandbox's endpoint)
    nothing else of this machine: who is graded sends no requests to the grader, nor to the sandbox of another.
    """

    def __init__(self, own: str = "") -> None:
        address = urlsplit(own)
        self._own = (address.hostname, address.port) if own else None

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto"):
            self._require(arguments[1])
        elif event == "socket.getaddrinfo" and arguments[0] is not None:
            _require_loopback(arguments[0])

    def _require(self, address: Any) -> None:
        if not isinstance(address, tuple):
            if not is_own_socket(address):
                raise PermissionError(f"the neighbours speak to no other program: {address!r} was refused")
            return
        _require_loopback(address[0])
        if self._own is not None and address[:2] != self._own:
            raise PermissionError(
                f"in this sandbox the neighbours reach nothing but the sandbox itself: {address[0]}:{address[1]} was refused"
            )


def refuse_notifications() -> None:
    """DIFFERS: while work is graded, SNS and Data Firehose send nothing to HTTP endpoints, and CloudFront reads only buckets.

    So moto sends nothing to the HTTP endpoints that topics, rules and delivery streams name, nor to any other.

    The sandbox's endpoint takes what comes from here for the keeper's own. Ours asks it by other ways than ``requests``.
    """
    from requests.adapters import HTTPAdapter

    def refuse(_: HTTPAdapter, request: Any, **options: Any) -> Any:
        raise NotEmulated(
            f"While work is graded nothing is sent to HTTP endpoints, and so not to {request.url}."
        )

    HTTPAdapter.send = refuse  # type: ignore[method-assign, assignment]


def _require_loopback(host: str | bytes) -> None:
    if not _is_loopback(host):
        raise PermissionError(f"the neighbours have no network: {host!r} was refused")


def _is_loopback(host: str | bytes) -> bool:
    name = host.decode("idna") if isinstance(host, bytes) else host
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


class Hooks:
    """Puts our behaviour into moto's modules once they are loaded; loading them all at the start would be slow."""

    def __init__(self, forwarder: Forwarder) -> None:
        self._forwarder = forwarder
        self._done: set[int] = set()  # places in the list below: a module may have several hooks

    def apply(self) -> None:
        hooks: list[tuple[str, Callable[[Any], None]]] = [
            ("moto.sqs.models", self._queues),
            ("moto.sqs.responses", queue_moves.install_responses),
            ("moto.kinesis.models", self._streams),
            ("moto.logs.models", self._logs),
            ("moto.dynamodb.models.table", self._tables),
            ("moto.dynamodb.responses", self._table_writes),
            ("moto.iam.models", aws_policies.install),
            ("moto.s3.models", bucket_policies.install),
            ("moto.s3.responses", object_bodies.install),
            ("moto.cloudformation.responses", self._stacks),
            ("moto.apigateway.responses", self._rest_apis),
            ("moto.apigatewayv2.responses", self._v2_apis),
            ("moto.elbv2.models", self._balancers),
            ("moto.wafv2.responses", self._firewalls),
            ("moto.kms.models", kms_refusals.install),
            ("moto.stepfunctions.models", workflows.install),
            ("moto.stepfunctions.responses", workflows.install_responses),
            ("moto.cloudfront.models", self._distributions),
            ("moto.rds.models", self._databases),
            ("moto.rdsdata.models", databases.refuse_data_api),
            *unserved_triggers.hooks(),
            *((name, functools.partial(_apply, source, self._forwarder)) for name, source in SOURCES),
        ]
        for place, (name, hook) in enumerate(hooks):
            module = sys.modules.get(name)
            if module is not None and place not in self._done:
                self._done.add(place)
                hook(module)

    def _queues(self, module: Any) -> None:
        make_queues_thread_safe(module.Queue, module.SQSBackend, module.Message)
        mark_messages(module.SQSBackend)
        queue_moves.install(module)

    def _streams(self, module: Any) -> None:
        correct_kinesis(module.Stream, module.Shard, module.KinesisBackend)

    def _logs(self, module: Any) -> None:
        interleave_streams(module.LogGroup)

    def _tables(self, module: Any) -> None:
        correct_dynamodb_streams(module.StreamShard)

    def _table_writes(self, module: Any) -> None:
        one_request_at_a_time(module.DynamoHandler, sys.modules["moto.dynamodb.models.table"].StreamShard)
        undo_cancelled_transactions(sys.modules["moto.dynamodb.models"].DynamoDBBackend)
        enable_streams_again(sys.modules["moto.dynamodb.models"].DynamoDBBackend)
        refuse_large_batches(module.DynamoHandler, module.MockValidationException)
        compare_any_types(sys.modules["moto.dynamodb.comparisons"])

    def _rest_apis(self, module: Any) -> None:
        rest_definitions.install(sys.modules["moto.apigateway.models"], module)

    def _v2_apis(self, module: Any) -> None:
        v2_definitions.install(sys.modules["moto.apigatewayv2.models"], module)

    def _firewalls(self, module: Any) -> None:
        firewall_refusals.install(module)

    def _balancers(self, module: Any) -> None:
        load_balancers.install(module, self._forwarder)

    def _distributions(self, module: Any) -> None:
        distributions.install(module, self._forwarder)

    def _databases(self, module: Any) -> None:
        databases.install(module, self._forwarder)

    def _stacks(self, module: Any) -> None:
        from lambda_sandbox.services.cloudformation import stacks

        stacks.install(
            sys.modules["moto.cloudformation.parsing"],
            sys.modules["moto.cloudformation.models"],
            module,
            self._forwarder,
        )


def _apply(hook: Hook, forwarder: Forwarder, module: Any) -> None:
    hook(module, forwarder)


class FirstCallAlone:
    """Lets the first call of each service finish before its others begin.

    That call loads the service's model; threads that start together would each load it again (60 calls: 3 s, not 0.3 s).
    """

    def __init__(self, dispatcher: Any) -> None:
        self._dispatcher = dispatcher
        self._locks: dict[int, threading.Lock] = {}
        self._warm: set[int] = set()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        application = self._dispatcher.get_application(environ)
        key = id(application)  # the dispatcher keeps its applications for ever
        if key not in self._warm:
            with self._locks.setdefault(key, threading.Lock()):
                if key not in self._warm:
                    answer = list(application(environ, start_response))
                    self._warm.add(key)
                    return answer
        chunks: Iterable[bytes] = application(environ, start_response)
        return chunks


def _refuse_unknown_path(_: Exception) -> Any:
    from flask import request

    raise NoRoute(f"{request.method} {request.path}")


def make_application(endpoint: str) -> Any:
    """Return moto's WSGI application with the forwarder in place; ``endpoint`` is where Event invokes go."""
    forwarder = Forwarder(endpoint)
    replace_lambda_backend(forwarder)
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    hooks = Hooks(forwarder)

    def create_app(service: Any) -> Any:
        if service is None:
            raise UnknownService
        application = create_backend_app(service)
        # Flask would answer with a page for browsers, of which an SDK makes an error without words.
        application.register_error_handler(404, _refuse_unknown_path)
        application.register_error_handler(405, _refuse_unknown_path)
        hooks.apply()
        return application

    if any(KeptInstances(folder_from_environment()).read()):
        importlib.import_module("moto.rds.models")
        hooks.apply()  # functions expect their database before anybody asks RDS

    return TraceHeaders(
        Identities(
            ResourcePolicies(
                ScheduleListing(
                    ServiceEvents(
                        DoorDefinitions(ApiGateway(FirstCallAlone(DomainDispatcherApplication(create_app))))
                    )
                )
            )
        )
    )


def main(listen_fd: int) -> None:
    # What json_schema keeps from being built; nothing but moto and the SAM translator import jsonschema here, and late.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    sys.addaudithook(Reach(os.environ.get(REACH_VARIABLE, "")))
    threading.Thread(target=end_with_parent, args=(Path.cwd(),), daemon=True).start()
    application = make_application(os.environ[ENDPOINT_VARIABLE])
    if REACH_VARIABLE in os.environ:
        refuse_notifications()
    gc.freeze()  # what is loaded now stays: no need to walk it at every collection
    print("ready", flush=True)
    serve_forever(socket.socket(fileno=listen_fd), application)


if __name__ == "__main__":
    main(int(sys.argv[1]))
