"""The operations of RDS that moto does not have, or answers without having asked anybody: answered here, or refused."""

from __future__ import annotations

import functools
from typing import Any

from lambda_sandbox.services.postgres import programs, refusals


def install(backend: Any, responses: Any) -> None:
    """Give moto's two classes the rest of the API. Without, a client of an operation that is not there gets no XML."""
    from moto.core.utils import camelcase_to_underscores, get_service_model

    responses.describe_db_engine_versions = _describe_engine_versions
    for operation in get_service_model("rds").operation_names:
        name = camelcase_to_underscores(operation)
        if not hasattr(responses, name):
            setattr(responses, name, refused(f"The sandbox does not carry out {operation} of RDS."))
    backend._get_resource_for_tagging = _only_what_is_there(backend._get_resource_for_tagging)


def refused(sentence: str) -> Any:
    """Return a method that refuses with a sentence, whatever it is called with."""

    def refuse(*_: Any, **__: Any) -> Any:
        from moto.rds.exceptions import RDSClientError

        raise RDSClientError("UnsupportedOperation", sentence)

    return refuse


def _describe_engine_versions(response: Any) -> Any:
    """The one version that runs here."""
    from moto.core.responses import ActionResult

    found = programs.find()
    asked = response.params
    versions = []
    if found is not None and asked.get("Engine", "postgres") == "postgres":
        family = refusals.family(found.version)
        versions = [
            {
                "Engine": "postgres",
                "EngineVersion": found.version,
                "DBParameterGroupFamily": family,
                "DBEngineDescription": "PostgreSQL",
                "DBEngineVersionDescription": f"PostgreSQL {found.version}",
                "Status": "available",
            }
        ]
        wanted = str(asked.get("EngineVersion") or found.version)
        major = found.version.partition(".")[0]
        if wanted not in (found.version, major) or asked.get("DBParameterGroupFamily", family) != family:
            versions = []
    return ActionResult({"DBEngineVersions": versions})


def _only_what_is_there(original: Any) -> Any:
    """AWS: tags of an instance that is not there are refused; moto answers as if there were none."""

    @functools.wraps(original)
    def find(backend: Any, arn: str) -> Any:
        found = original(backend, arn)
        kind, name = arn.split(":")[-2:]
        if found is None and kind == "db":
            from moto.rds.exceptions import DBInstanceNotFoundError

            raise DBInstanceNotFoundError(name)
        return found

    return find
