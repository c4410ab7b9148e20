"""RDS for PostgreSQL behind moto: ``create_db_instance`` starts a real server, and the others do to it what they say.

A server that ends by itself its keeper starts again, and ``describe_db_instances`` tells how it does. One whose files are as
large as its allocated storage is stopped (``storage-full``) until it has more.

DIFFERS: an RDS instance is available when CreateDBInstance returns, and not after minutes. It listens on a loopback address that
everything on this machine and every function reaches: there is no VPC, no security group holds, and connections are not encrypted.
Neither maintenance, backups nor storage autoscaling happen by themselves, and more storage is there at once.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lambda_sandbox.services.forwarder import Forwarder
from lambda_sandbox.services.postgres import programs, refusals, settings
from lambda_sandbox.services.postgres.administration import NotReady, Refused
from lambda_sandbox.services.postgres.faults import InternalFailure
from lambda_sandbox.services.postgres.kept import KeptInstances, folder_from_environment
from lambda_sandbox.services.postgres.server import Failed, PostgresServer, free_place
from lambda_sandbox.services.postgres.storage import STORAGE_FULL, StorageWatch, grown

_DEFAULT_PORT = 5432
_Key = tuple[str, str, str]  # account, Region, identifier
# What a change leaves behind for the next start of the sandbox.
_REMEMBERED = frozenset(
    {"allocated_storage", "master_user_password", "db_instance_class", "deletion_protection"}
)


@dataclass
class _Instance:
    server: PostgresServer
    asked: dict[str, Any]  # by which it would be created again
    parameters: dict[str, str]
    database: Any  # moto's


class Instances:
    """The servers of this process. One call at a time: each takes a second or two."""

    def __init__(self, module: Any, forwarder: Forwarder) -> None:
        self._module = module
        self._forwarder = forwarder
        self._lock = threading.RLock()
        self._running: dict[_Key, _Instance] = {}
        self._kept = KeptInstances(folder_from_environment())
        self._create_in_moto = module.RDSBackend.create_db_instance
        self._storage = StorageWatch(self._look_at_storage)

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
            self._need_available(
                backend, identifier, *([STORAGE_FULL] if arguments.get("allocated_storage") else [])
            )
            if identifier in backend.databases:
                self._check_group(backend, arguments, backend.databases[identifier].engine_version)
                arguments = self._with_storage(backend.databases[identifier], arguments)
            database = original(backend, identifier, arguments)
            instance = self._running[_key(backend, database)]
            wanted = {name: value for name, value in arguments.items() if value is not None}
            if "master_user_password" in wanted:
                instance.server.set_password(database.master_username, wanted["master_user_password"])
            for name in set(wanted) & _REMEMBERED:
                instance.asked[name] = wanted[name]
            if database.status == STORAGE_FULL and not instance.server.is_full(database.allocated_storage):
                database.status = "available"
                instance.server.start(self._settings(backend, instance))
            if "db_parameter_group_name" in wanted:  # AWS: takes effect at the next reboot
                instance.asked["db_parameter_group_name"] = wanted["db_parameter_group_name"]
            if "db_instance_class" in wanted:
                instance.server.restart(self._settings(backend, instance))
            self._write(backend, database, instance)
            return database

    def reboot(self, original: Any, backend: Any, identifier: str) -> Any:
        with self._lock, self._sound():
            # DIFFERS: RebootDBInstance takes an instance whose status is ``failed``, which AWS refuses: it is the way to try again here, with
            # other parameters or more memory.
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
                instance = _Instance(server, asked, {}, database)
                self._running[key] = instance
                _show_place(database, server)
                if kept["status"] in ("stopped", STORAGE_FULL):
                    database.status = kept["status"]
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
            self._storage.begin()
            threading.Thread(target=self._tell, daemon=True).start()  # the server may not answer yet

    def end(self) -> None:
        """The sandbox stops: end every server. What is kept stays, all else goes."""
        self._storage.end()
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
        instance = _Instance(server, asked, {}, database)
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
            raise InternalFailure(why) from error
        _show_place(database, server)
        self._running[key] = instance
        self._storage.begin()
        self._write(backend, database, instance)
        self._tell()

    def _server(self, found: programs.Programs, address: str, port: int, key: _Key) -> PostgresServer:
        return PostgresServer(found, address, port, self._kept.home(key))

    def _look_at_storage(self) -> None:
        """Stop every server whose storage is full."""
        for instance in list(self._running.values()):
            database = instance.database
            if not instance.server.is_full(database.allocated_storage):
                continue
            with self._lock:
                if instance.server.running:
                    instance.server.stop()
                    database.status = STORAGE_FULL
                    self._write(database.backend, database, instance)

    def _with_storage(self, database: Any, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return what ``modify_db_instance`` is to do, its storage rounded up as AWS does. Refuses less than there is."""
        wanted = arguments.get("allocated_storage")
        if not wanted:
            return arguments
        self._refuse(refusals.of_growth(int(database.allocated_storage), int(wanted), database.storage_type))
        return {**arguments, "allocated_storage": grown(int(database.allocated_storage), int(wanted))}

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
        self._forwarder.open("databases", places)

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
            raise InternalFailure(f"PostgreSQL did not do it: {error}") from error

    def _refuse(self, refusal: refusals.Refusal | None) -> None:
        if refusal is not None:
            raise self._error(*refusal)

    def _error(self, code: str, sentence: str) -> Exception:
        from moto.rds.exceptions import RDSClientError

        error: Exception = RDSClientError(code, sentence)
        return error


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
