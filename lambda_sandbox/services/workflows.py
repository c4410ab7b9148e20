"""Step Functions: moto's interpreter of the Amazon States Language runs, and its tasks call the sandbox's own services.

Left alone, moto answers ``StartExecution`` and runs nothing: the execution stays RUNNING, with a history that is made up.
A task's call is signed by the role of its state machine, so that ``--enforce-iam`` decides about it as AWS does.

DIFFERS: state machines of Step Functions are interpreted by moto. Definitions in JSONata, StartSyncExecution and GetActivityTask are
refused, and with a scaled clock ``Wait`` states, timeouts and retry intervals take their real time: shorten them in the definition.
"""

from __future__ import annotations

import importlib
import json
import os
import threading
import uuid
from datetime import UTC, datetime
from functools import cache
from typing import Any

from lambda_sandbox.services.forwarder import ENDPOINT_VARIABLE
from lambda_sandbox.services.json_texts import texts_under

_CONNECT_TIMEOUT_S = 5
# A function runs for 900 s at most, and its answer is on its way a little longer.
_ANSWER_TIMEOUT_S = 910
_SESSION_S = 3600
_making_a_client = threading.Lock()


class RunningBackends:
    """Takes the place of moto's backends, which run nothing. Loads the interpreter, which takes seconds, when it is needed."""

    def __getitem__(self, account_id: str) -> Any:
        return _interpreted()[account_id]


def install(module: Any) -> None:
    """Have the state machines of moto's ``stepfunctions.models`` run; stacks make theirs there."""
    module.stepfunctions_backends = RunningBackends()


def install_responses(module: Any) -> None:
    """Have moto's ``stepfunctions.responses`` ask the backends that run."""
    backends = RunningBackends()
    module.get_backend = lambda account_id, region: backends[account_id][region]

    def send_task_failure(self: Any) -> Any:
        """Pass the cause on as well, which moto leaves behind: ``Catch`` and the history have it."""
        token, error, cause = (self._get_param(name) for name in ("taskToken", "error", "cause"))
        self.stepfunction_backend.send_task_failure(token, error=error, cause=cause)
        return module.EmptyResult()

    module.StepFunctionResponse.send_task_failure = send_task_failure


@cache
def _interpreted() -> Any:
    # First of all: the interpreter's other modules take the name over when they are loaded.
    calls: Any = importlib.import_module("moto.stepfunctions.parser.asl.utils.boto_client")
    calls.boto_client_for = _client
    from moto.stepfunctions.parser import models
    from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

    errors: Any = importlib.import_module("moto.stepfunctions.parser.api")
    _name_errors(errors)
    _refuse_jsonata(models.StepFunctionsParserBackend, errors.InvalidDefinition)
    _begin_whole(ExecutionWorker)
    _take_heartbeats(importlib.import_module("moto.stepfunctions.parser.asl.eval.callback.callback"))
    _name_executions(models.StepFunctionsParserBackend)
    _stop_at_reset(models.StepFunctionsParserBackend)
    return models.stepfunctions_parser_backends


def _client(region: str, service: str, state_credentials: Any) -> Any:
    """Return a client of the sandbox's endpoint that is the role of a state, its state machine's unless it names another."""
    import boto3
    from botocore.config import Config

    make: Any = boto3.client

    session = _assume(state_credentials.role_arn, region)
    # Branches and iterations are threads, and boto3's session is not made for several.
    with _making_a_client:
        return make(
            service,
            region_name=region,
            endpoint_url=os.environ[ENDPOINT_VARIABLE],
            aws_access_key_id=session.access_key_id,
            aws_secret_access_key=session.secret_access_key,
            aws_session_token=session.session_token,
            config=Config(
                parameter_validation=False,
                inject_host_prefix=False,
                retries={"total_max_attempts": 1},
                connect_timeout=_CONNECT_TIMEOUT_S,
                read_timeout=_ANSWER_TIMEOUT_S,
            ),
        )


def _assume(role_arn: str, region: str) -> Any:
    from moto.sts.models import sts_backends

    return sts_backends[role_arn.split(":")[4]]["aws"].assume_role(
        region_name=region,
        role_session_name=f"states-{uuid.uuid4().hex[:16]}",
        role_arn=role_arn,
        policy="",
        duration=_SESSION_S,
        external_id="",
    )


def _name_errors(module: Any) -> None:
    """Give the interpreter's errors the names that clients look for: moto would answer with none, as to ``{"__type": null}``."""
    for error in vars(module).values():
        code = vars(error).get("code") if isinstance(error, type) else None
        if isinstance(code, str):
            setattr(error, "TYPE", code)  # noqa: B010 - mypy knows no such attribute


def _refuse_jsonata(backend_class: Any, error_class: Any) -> None:
    """moto takes a definition in JSONata and has nobody to evaluate it: each execution would fail for no reason of its own."""
    validate = backend_class._validate_definition

    def refuse_and_validate(definition: str) -> None:
        validate(definition)
        if "JSONata" in texts_under("QueryLanguage", json.loads(definition)):
            raise error_class("This sandbox evaluates no JSONata: write the definition in JSONPath.")

    backend_class._validate_definition = staticmethod(refuse_and_validate)


def _begin_whole(worker_class: Any) -> None:
    """Give an execution its history and its tokens before its thread runs, and an end whatever happens in there.

    moto makes them in the thread, after parsing: who asks earlier, for a history or with a token, would meet nothing at all.
    """
    make, run, start = (
        worker_class._get_evaluation_environment,
        worker_class._execution_logic,
        worker_class.start,
    )

    def environment(self: Any) -> Any:
        return self.env or make(self)

    def logic(self: Any) -> None:
        try:
            run(self)
        except (
            Exception
        ) as error:  # the interpreter's own failure: its thread ends, and nobody else would say so
            execution = self._execution_communication.execution
            execution.exec_status = "FAILED"
            execution.error, execution.cause = "States.Runtime", repr(error)
            execution.stop_date = datetime.now(UTC)
            raise

    def begin(self: Any) -> None:
        self.env = make(self)
        start(self)

    worker_class._get_evaluation_environment = environment
    worker_class._execution_logic = logic
    worker_class.start = begin


def _take_heartbeats(module: Any) -> None:
    """A task without ``HeartbeatSeconds`` may be heard of, too: moto would call its token invalid, and the worker would fail."""
    notify = module.CallbackEndpoint.notify_heartbeat

    def notify_heartbeat(self: Any) -> bool:
        return notify(self) or self.get_outcome() is None

    module.CallbackEndpoint.notify_heartbeat = notify_heartbeat


def _name_executions(backend_class: Any) -> None:
    """An execution that is started without a name gets one; moto would name each of them ``None``, and refuse the second."""
    start = backend_class.start_execution

    def start_execution(
        self: Any, state_machine_arn: str, name: str | None = None, *rest: Any, **named: Any
    ) -> Any:
        return start(self, state_machine_arn, name or str(uuid.uuid4()), *rest, **named)

    backend_class.start_execution = start_execution


def _stop_at_reset(backend_class: Any) -> None:
    """What still runs when the sandbox is emptied would call the functions of whoever comes next."""
    reset = backend_class.reset

    def stop_and_reset(self: Any) -> None:
        for execution in self._get_executions("RUNNING"):
            execution.exec_worker.env.set_stop(datetime.now(UTC), None, "The sandbox was emptied.")
        reset(self)

    backend_class.reset = stop_and_reset
