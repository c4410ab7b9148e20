"""How ``Instances`` come into moto's modules, and what moto's own objects tell of a server."""

from __future__ import annotations

import functools
import importlib
import json
import secrets
from typing import Any

from lambda_sandbox.services.forwarder import Forwarder
from lambda_sandbox.services.postgres import other_operations, refusals
from lambda_sandbox.services.postgres.instances import Instances

_of_this_process: list[Instances] = []


def install(module: Any, forwarder: Forwarder) -> None:
    """Give moto's ``rds.models`` real servers, and start those again that the state has kept."""
    instances = Instances(module, forwarder)
    _of_this_process.append(instances)
    backend = module.RDSBackend
    for name, method in (
        ("create_db_instance", instances.create),
        ("delete_db_instance", instances.delete),
        ("modify_db_instance", instances.modify),
        ("reboot_db_instance", instances.reboot),
        ("stop_db_instance", instances.stop),
        ("start_db_instance", instances.start),
        ("modify_db_parameter_group", instances.change_parameters),
        ("delete_db_parameter_group", instances.delete_group),
        ("reset", instances.reset),
    ):
        setattr(backend, name, _around(getattr(backend, name), method))
    responses = importlib.import_module("moto.rds.responses").RDSResponse
    for name, sentence in refusals.OPERATIONS.items():
        setattr(backend, name, other_operations.refused(sentence))  # stacks come this way
        setattr(responses, name, other_operations.refused(sentence))
    other_operations.install(backend, responses)
    responses.reboot_db_instance = _without_failover(responses.reboot_db_instance)
    module.DBInstance.address = property(_address)
    module.DBInstance.status = property(_status, _set_status)
    module.DBInstance.create_from_cloudformation_json = other_operations.refused(refusals.STACKS)
    module.DBInstance.save_automated_backup = lambda self: None  # there are no backups to tell of
    module.MasterUserSecret._generate_secret_string = _secret_string
    instances.resume()


def refuse_data_api(module: Any) -> None:
    """Make moto's ``rdsdata.models`` refuse what it would answer without having asked anybody."""

    def refuse(*_: Any, **__: Any) -> Any:
        from moto.core.exceptions import JsonRESTError

        raise JsonRESTError("BadRequestException", refusals.DATA_API)

    module.RDSDataServiceBackend.execute_statement = refuse


def end() -> None:
    """End every server of this process; does nothing where none was asked for."""
    for instances in _of_this_process:
        instances.end()


def _around(original: Any, method: Any) -> Any:
    @functools.wraps(original)
    def called(backend: Any, *arguments: Any, **options: Any) -> Any:
        named = {_PARAMETERS.get(name, name): value for name, value in options.items()}
        return method(original, backend, *arguments, **named)

    return called


def _without_failover(original: Any) -> Any:
    @functools.wraps(original)
    def reboot(response: Any) -> Any:
        if response.params.pop("ForceFailover", False):
            from moto.rds.exceptions import RDSClientError

            why = "ForceFailover needs a standby, and the sandbox has no standby: leave it out."
            raise RDSClientError("InvalidParameterCombination", why)
        return original(response)

    return reboot


# moto names them for its callers, we for ours.
_PARAMETERS = {
    "db_instance_identifier": "identifier",
    "db_snapshot_identifier": "snapshot",
    "db_kwargs": "arguments",
    "db_parameter_group_name": "name",
    "db_parameter_group_parameters": "parameters",
}


def _address(database: Any) -> str:
    server = getattr(database, "sandbox_server", None)
    return "" if server is None else str(server.address)


# Source: Amazon RDS User Guide, "Viewing Amazon RDS DB instance status", read 2026-11: rebooting is also what RDS does of
# its own accord, and failed is what it cannot recover.
_STATUSES = {"running": "available", "failed": "failed"}


def _status(database: Any) -> str:
    """What ``describe_db_instances`` says: what was asked for, and how its server does where it is to run."""
    wanted = str(database.sandbox_status)
    if wanted != "available":
        return wanted
    server = getattr(database, "sandbox_server", None)
    return "creating" if server is None else _STATUSES.get(server.state, "rebooting")


def _set_status(database: Any, value: str) -> None:
    database.sandbox_status = value


def _secret_string(secret: Any) -> str:
    """What Secrets Manager holds of a managed master user; moto's own is the same for everybody."""
    return json.dumps({"username": secret.resource.master_username, "password": secrets.token_hex(16)})
