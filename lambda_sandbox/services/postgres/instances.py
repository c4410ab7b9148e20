"""RDS for PostgreSQL behind moto: ``create_db_instance`` starts a real server, and the others do to it what they say.

A server that ends by itself its keeper starts again, and ``describe_db_instances`` tells how it does.

DIFFERS: an instance is available when the call returns; its address is a loopback address, which everything on this machine
and every function reaches, with no VPC and no security groups; connections are not encrypted; storage has no size, no
maintenance and no backups happen.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import secrets
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lambda_sandbox.services.forwarder import Forwarder
from lambda_sandbox.services.postgres import other_operations, programs, refusals, settings
from lambda_sandbox.services.postgres.administration import NotReady, Refused
from lambda_sandbox.services.postgres.kept import KeptInstances, folder_from_environment
from lambda_sandbox.services.postgres.server import Failed, PostgresServer, free_place

_DEFAULT_PORT = 5432
_Key = tuple[str, str, str]  # account, Region, identifier


@dataclass
class _Instance:
    server: PostgresServer
    asked: dict[str, Any]  # by which it would be created again
    parameters: dict[str, str]


class Instances:
    """The servers of this process. One call at a time: each takes a second or two."""

    def __init__(self, module: Any, forwarder: Forwarder) -> None:
        self._module = module
        self._forwarder = forwarder
        self._lock = threading.RLock()
        self._running: dict[_Key, _Instance] = {}
        self._kept = KeptInstances(folder_from_environment())
        self._create_in_moto = module.RDSBackend.create_db_instance

    # --- what moto's backend does ----------------------------------------------------------------------

    def create(self, original: Any, backend: Any, arguments: dict[str, Any]) -> Any:
        asked = {name: value for name, value in arguments.items() if value is not None}
        found = programs.find()
        if asked.get("engine") == "postgres" and found is None:
            programs.find.cache_clear()  # it may be installed by the next call
            raise self._error("InsufficientDBInstanceCapacity", programs.MISSING)
        version = found.version if found is not None else ""
        self._refuse(refusals.of_creation(asked, version))
        assert found is not None
        problem = self._kept.problem(found.owner)
        if asked.get("manage_master_user_password") and self._kept:
            problem = "With --state the secret of a managed password would be lost: pass MasterUserPassword."
        if problem:
            raise self._error("InvalidParameterCombination", problem)
        with self._lock:
            self._check_group(backend, asked, found.version)
            database = original(
                backend, {**asked, "engine_version": found.version, "backup_retention_period": 0}
            )
            try:
                self._start(backend, database, found, asked)
            except BaseException:
                backend.databases.pop(database.db_instance_identifier, None)
                raise
            return database

    def delete(self, original: Any, backend: Any, identifier: str, **options: Any) -> Any:
        if identifier in backend.databases and not options.get("skip_final_snapshot"):
            why = "The sandbox takes no snapshots: pass SkipFinalSnapshot=True."
            raise self._error("InvalidParameterCombination", why)
        with self._lock:
            database = original(backend, identifier, **options)
            instance = self._running.pop(_key(backend, database), None)
            if instance is not None:
                self._tell()
                instance.server.remove()
                self._kept.forget(_key(backend, database))
            return database

    def modify(self, original: Any, backend: Any, identifier: str, arguments: dict[str, Any]) -> Any:
        self._refuse(refusals.of_change(arguments))
        with self._lock, self._sound():
            self._need_available(backend, identifier)
            if identifier in backend.databases:
                self._check_group(backend, arguments, backend.databases[identifier].engine_version)
            database = original(backend, identifier, arguments)
            instance = self._running[_key(backend, database)]
            wanted = {name: value for name, value in arguments.items() if value is not None}
            if "master_user_password" in wanted:
                instance.server.set_password(database.master_username, wanted["master_user_password"])
            for name in set(wanted) & {"master_user_password", "db_instance_class", "deletion_protection"}:
                instance.asked[name] = wanted[name]
            if "db_parameter_group_name" in wanted:  # AWS: takes effect at the next reboot
                instance.asked["db_parameter_group_name"] = wanted["db_parameter_group_name"]
            if "db_instance_class" in wanted:
                instance.server.restart(self._settings(backend, instance))
            self._write(backend, database, instance)
            return database

    def reboot(self, original: Any, backend: Any, identifier: str) -> Any:
        with self._lock, self._sound():
            # DIFFERS: AWS does not reboot what has failed. Here it is the way to try again, with other parameters or more memory.
            self._need_available(backend, identifier, "failed")
            database = original(backend, identifier)
            instance = self._running[_key(backend, database)]
            instance.server.restart(self._settings(backend, instance))
            self._write(backend, database, instance)
            return database

    def stop(self, original: Any, backend: Any, identifier: str, snapshot: str | None = None) -> Any:
        if snapshot:
            raise self._error("InvalidParameterCombination", refusals.OPERATIONS["create_db_snapshot"])
        with self._lock:
            database = original(backend, identifier)
            instance = self._running[_key(backend, database)]
            instance.server.stop()
            self._write(backend, database, instance)
            return database

    def start(self, original: Any, backend: Any, identifier: str) -> Any:
        with self._lock, self._sound():
            database = original(backend, identifier)
            instance = self._running[_key(backend, database)]
            instance.server.start(self._settings(backend, instance))
            self._write(backend, database, instance)
            return database

    def change_parameters(self, original: Any, backend: Any, name: str, parameters: list[Any]) -> Any:
        self._refuse(refusals.of_parameters(parameters))
        with self._lock, self._sound():
            group = original(backend, name, parameters)
            if any(each.get("ApplyMethod") == "immediate" for each in parameters):
                for key, instance in self._running.items():
                    used = _group_of(instance.asked).lower() == name.lower()
                    if used and key[:2] == (backend.account_id, backend.region_name):
                        instance.server.configure(self._settings(backend, instance))
                        if instance.server.running:
                            instance.server.reload()
            return group

    def delete_group(self, original: Any, backend: Any, name: str) -> Any:
        with self._lock:
            here = (backend.account_id, backend.region_name)
            for key, instance in self._running.items():
                if key[:2] == here and _group_of(instance.asked).lower() == name.lower():
                    why = (
                        f"One or more database instances are still members of this parameter group {name}, so the group cannot "
                        "be deleted"
                    )
                    raise self._error("InvalidDBParameterGroupState", why)
            return original(backend, name)

    def reset(self, original: Any, backend: Any) -> None:
        """Emptied: the servers and their data go."""
        with self._lock:
            for key in [key for key in self._running if key[:2] == (backend.account_id, backend.region_name)]:
                self._running.pop(key).server.remove()
                self._kept.forget(key)
                self._tell()
            original(backend)

    # --- the life of the process -----------------------------------------------------------------------

    def resume(self) -> None:
        """Start again what the state has kept."""
        found = programs.find()
        for key, kept in self._kept.read():
            if found is None:
                print(f"{key[2]} was not started: {programs.MISSING}", file=sys.stderr, flush=True)
                continue
            account_id, region, identifier = key
            backend = self._module.rds_backends[account_id][region]
            asked = kept["asked"]
            try:
                self._make_group_again(backend, kept["group"])
                arguments = {**asked, "engine_version": found.version, "backup_retention_period": 0}
                database = self._create_in_moto(backend, arguments)
                server = self._server(found, kept["address"], kept["port"], key)
                instance = _Instance(server, asked, {})
                self._running[key] = instance
                _show_place(database, server)
                if kept["status"] == "stopped":
                    database.status = "stopped"
                else:
                    server.start(self._settings(backend, instance))
            except Failed as error:  # it stays, as failed: its name is not free, nor is its data given up
                print(f"{identifier} was not started: {error}", file=sys.stderr, flush=True)
            except Exception as error:  # the others come all the same
                backend.databases.pop(identifier, None)
                if key in self._running:
                    self._running.pop(key).server.leave()
                print(f"{identifier} was not started: {error}", file=sys.stderr, flush=True)
        if self._running:
            threading.Thread(target=self._tell, daemon=True).start()  # the server may not answer yet

    def end(self) -> None:
        """The sandbox stops: end every server. What is kept stays, all else goes."""
        running, self._running = list(self._running.values()), {}
        threads = [threading.Thread(target=each.server.leave, daemon=True) for each in running]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    # --- how -------------------------------------------------------------------------------------------

    def _start(self, backend: Any, database: Any, found: programs.Programs, asked: dict[str, Any]) -> None:
        key = _key(backend, database)
        place = free_place(asked.get("port"), _DEFAULT_PORT)
        if place is None:
            raise self._error("InvalidParameterValue", f"Port {asked['port']} of this machine is in use.")
        password = asked.get("master_user_password")
        if asked.get("manage_master_user_password"):
            password = json.loads(database.master_user_secret.secret.secret_string)["password"]
        server = self._server(found, *place, key)
        instance = _Instance(server, asked, {})
        try:
            server.create(
                str(asked["master_username"]),
                str(password),
                str(asked.get("db_name") or ""),
                self._settings(backend, instance),
            )
        except Failed as error:
            server.remove()
            self._kept.forget(key)
            why = f"PostgreSQL {found.version} did not start: {error}"
            raise self._error("InternalFailure", why) from error
        _show_place(database, server)
        self._running[key] = instance
        self._write(backend, database, instance)
        self._tell()

    def _server(self, found: programs.Programs, address: str, port: int, key: _Key) -> PostgresServer:
        return PostgresServer(found, address, port, self._kept.home(key))

    def _settings(self, backend: Any, instance: _Instance) -> dict[str, str]:
        """Return what the parameter group and the class say now, for a server that starts."""
        instance.parameters = _parameters(backend, instance.asked.get("db_parameter_group_name"))
        connections = settings.max_connections(instance.asked["db_instance_class"], instance.parameters)
        return {**instance.parameters, "max_connections": str(connections)}

    def _write(self, backend: Any, database: Any, instance: _Instance) -> None:
        name = instance.asked.get("db_parameter_group_name")
        group = backend.db_parameter_groups.get(name) if name else None
        kept = {
            "asked": {**instance.asked, "master_user_password": "kept by PostgreSQL"},
            "address": instance.server.address,
            "port": instance.server.port,
            "status": database.status,
            "group": None
            if group is None
            else [group.name, group.family, group.description, instance.parameters],
        }
        self._kept.write(_key(backend, database), kept)

    def _make_group_again(self, backend: Any, group: list[Any] | None) -> None:
        if group is None or group[0] in backend.db_parameter_groups:
            return
        name, family, description, parameters = group
        backend.create_db_parameter_group(
            {
                "db_parameter_group_name": name,
                "db_parameter_group_family": family,
                "description": description,
            }
        )
        backend.db_parameter_groups[name].update_parameters(
            {"ParameterName": each, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
            for each, value in parameters.items()
        )

    def _tell(self) -> None:
        """Let every function reach every server, and nothing else."""
        places = [(each.server.address, each.server.port) for each in self._running.values()]
        self._forwarder.open(places)

    def _check_group(self, backend: Any, asked: dict[str, Any], version: str) -> None:
        name = _group_of(asked)
        group = backend.db_parameter_groups.get(name)
        if name:
            self._refuse(refusals.of_group(name, None if group is None else group.family, version))

    def _need_available(self, backend: Any, identifier: str, *also: str) -> None:
        """AWS: a stopped instance is neither modified nor rebooted. One that is not there moto refuses."""
        database = backend.databases.get(identifier)
        if database is not None and database.status not in ("available", *also):
            why = f"Instance {database.db_instance_identifier} is not in available state."
            raise self._error("InvalidDBInstanceState", why)

    @contextlib.contextmanager
    def _sound(self) -> Iterator[None]:
        """Say what PostgreSQL said where it does not start again."""
        try:
            yield
        except (Failed, NotReady, Refused) as error:
            raise self._error("InternalFailure", f"PostgreSQL did not do it: {error}") from error

    def _refuse(self, refusal: refusals.Refusal | None) -> None:
        if refusal is not None:
            raise self._error(*refusal)

    def _error(self, code: str, sentence: str) -> Exception:
        from moto.rds.exceptions import RDSClientError

        error: Exception = RDSClientError(code, sentence)
        return error


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


def _key(backend: Any, database: Any) -> _Key:
    return backend.account_id, backend.region_name, database.db_instance_identifier.lower()


def _group_of(asked: dict[str, Any]) -> str:
    return str(asked.get("db_parameter_group_name") or "")


def _parameters(backend: Any, name: str | None) -> dict[str, str]:
    group = backend.db_parameter_groups.get(name) if name else None
    if group is None:
        return {}
    return {each: str(said["ParameterValue"]) for each, said in group.parameters.items()}


def _show_place(database: Any, server: PostgresServer) -> None:
    database.sandbox_server, database.port = server, server.port


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
