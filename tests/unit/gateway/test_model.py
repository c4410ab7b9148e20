from __future__ import annotations

from urllib.parse import quote

import pytest

from lambda_sandbox.gateway.model import LambdaModel, Operation

MODEL = LambdaModel.load()
ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"


@pytest.mark.parametrize("operation", MODEL.operations.values(), ids=MODEL.operations.keys())
def test_every_operation_is_reached_by_its_own_address(operation: Operation) -> None:
    labels = [step[1:-1].rstrip("+") for step in operation.path.split("/") if step.startswith("{")]
    path = operation.path
    for label in labels:
        path = path.replace(f"{{{label}}}", quote(f"a b/{label}:é", safe="")).replace(
            f"{{{label}+}}", f"x/{label}"
        )
    query = "&".join(f"{name}={value}" for name, value in operation.query)
    found = MODEL.match(operation.method, f"{path}?{query}&other=1")
    assert found is not None
    name, params = found
    assert name == operation.name
    assert set(params) == set(labels)
    assert all(value in (f"a b/{label}:é", f"x/{label}") for label, value in params.items())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", ""),
        ("PATCH", "/2015-03-31/functions"),
        ("GET", "/2015-03-31/function"),
        ("GET", "/2015-03-31/functions//configuration"),
        ("GET", "/2015-03-31/functions/hello/configuration/more"),
        ("GET", "/2099-01-01/functions"),
    ],
)
def test_unknown_address_leads_nowhere(method: str, path: str) -> None:
    assert MODEL.match(method, path) is None


@pytest.mark.parametrize(
    ("target", "operation"),
    [
        ("/2018-10-31/layers", "ListLayers"),
        ("/2018-10-31/layers?find=LayerVersion&Arn=x", "GetLayerVersionByArn"),
        ("/2019-09-30/functions/f/provisioned-concurrency", "GetProvisionedConcurrencyConfig"),
        ("/2019-09-30/functions/f/provisioned-concurrency?List=ALL", "ListProvisionedConcurrencyConfigs"),
        ("/2015-03-31/functions/", "ListFunctions"),
        (f"/2015-03-31/functions/{quote(ARN, safe='')}", "GetFunction"),
        (f"/2015-03-31/functions/{ARN}", "GetFunction"),
    ],
)
def test_addresses_that_look_alike_are_told_apart(target: str, operation: str) -> None:
    found = MODEL.match("GET", target)
    assert found is not None
    assert found[0] == operation


def test_greedy_label_takes_slashes_and_leaves_what_follows() -> None:
    def operation(name: str, path: str) -> dict[str, object]:
        return {"http": {"method": "GET", "requestUri": path}}

    paths = {"Tags": "/tags/{Resource+}", "Sub": "/tags/{Resource+}/sub/{Name}", "Exact": "/tags/all"}
    model = LambdaModel(
        {"shapes": {}, "operations": {name: operation(name, path) for name, path in paths.items()}}
    )
    assert model.match("GET", "/tags/a/b%20c/d") == ("Tags", {"Resource": "a/b c/d"})
    assert model.match("GET", "/tags/a/b/sub/n") == ("Sub", {"Resource": "a/b", "Name": "n"})
    assert model.match("GET", "/tags/all") == ("Exact", {})
    assert model.match("GET", "/tags/") is None
