"""What lab 05 asks for: a layer that is found, one version of it shared, and Powertools for two functions."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true
from autograder.checks_asking import (
    call,
    configuration_of,
    expect_guesses,
    expect_observed,
    json_lines,
    layer_of,
)

BILL = "cloudberry-bill"
ORDERS = "cloudberry-orders"
PARCELS = "cloudberry-parcels"
VAT_LAYER = "cloudberry-vat"
POWERTOOLS_LAYER = "cloudberry-powertools"
PARTNER = "210987654321"
MOST_OWN_BYTES = 20_000


def line_of(result, key, value):
    """Return the line of JSON in the log that has this key and value; fail the check if there is none."""
    lines = json_lines(result.log)
    found = [line for line in lines if line.get(key) == value]
    expect_true(
        len(found) == 1,
        wanted=f"one line of JSON in the log, with {key} {value}",
        got=lines or result.log[-400:],
        look_at='the logger: logger.info("…", extra={…}), and the decorator inject_lambda_context',
    )
    return found[0]


def told(line, *keys):
    return {key: line.get(key) for key in keys}


def require_place(place, wanted_place, look_at):
    """Fail the check if a module does not come from a layer; where nothing can be isolated, /opt is another folder."""
    expect_true(
        type(place) is str and place.endswith(f"/{wanted_place}"),
        wanted=f"a module from /opt/{wanted_place}",
        got=place,
        look_at=look_at,
    )


def can_use(sandbox, account_id, version_arn):
    """Return whether an account may use a layer version; an access key of twelve digits stands for its account."""
    session = boto3.Session(
        aws_access_key_id=account_id, aws_secret_access_key="checks", region_name="us-east-1"
    )
    client = session.client("lambda", endpoint_url=sandbox.url)
    try:
        client.get_layer_version_by_arn(Arn=version_arn)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDeniedException", "ResourceNotFoundException"):
            raise
        return False
    return True


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {"version_after_publishing": int, "which_one_is_imported": str, "answers_after_the_deletion": bool},
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down who gets a new version, and which file wins

    A function names a version, and a version never changes; and what is unpacked later lies on top.
    """
    right = [
        ("jam_at_the_counter_after_publishing", 650, "the lines after 'version published'"),
        ("jam_on_the_shelf_after_moving", 690, "the lines after 'cloudberry-shelf moved to it'"),
        ("the_counter_answers_after_the_deletion", True, "the call after delete_layer_version"),
        ("jam_with_the_sale_last", 500, "the line after 'price list first, sale last'"),
        ("jam_with_the_sale_first", 690, "the line after 'sale first, price list last'"),
        ("jam_with_a_price_list_in_the_zip", 1, "the last line under 'Who wins?'"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_bill_finds_the_vat(sandbox):
    """cloudberry-bill imports vat from a layer

    A layer is unpacked into /opt, and a Python runtime looks in /opt/python: the folders in the zip are the interface.
    """
    result = call(sandbox, BILL, {"net_cents": 1990})
    answer = result.payload if type(result.payload) is dict else {}
    expect(answer.get("gross_cents"), wanted=2388, look_at="what VAT reckons, unchanged in the layer")
    require_place(answer.get("from"), "python/vat.py", look_at="gap 1: the folder in the layer's zip")
    layer_of(sandbox, BILL, VAT_LAYER)


@pytest.mark.points(2)
def test_partner_may_use_the_version(sandbox):
    """The partner's account may use the version that cloudberry-bill has

    A layer version is private to its account; a permission opens it, one version and one account at a time.
    """
    arn = layer_of(sandbox, BILL, VAT_LAYER)
    expect_true(
        can_use(sandbox, PARTNER, arn),
        wanted=f"account {PARTNER} may use {arn}",
        got="it may not",
        look_at="add_layer_version_permission: LayerName, VersionNumber, Action lambda:GetLayerVersion, Principal",
    )


@pytest.mark.points(2)
def test_nobody_else_may_use_it(sandbox, seeded):
    """The permission holds for one account, and not for the broken version

    A permission names who may. One with a star names everybody, and a version that is shared by mistake stays
    with whoever has taken it.
    """
    arn = layer_of(sandbox, BILL, VAT_LAYER)
    layer, _, number = arn.rpartition(":")
    expect_true(
        can_use(sandbox, PARTNER, arn),
        wanted=f"account {PARTNER} may use version {number}",
        got="it may not",
        look_at="VersionNumber and Principal of the permission",
    )
    stranger = str(seeded.randint(10**11, 10**12 - 1))
    expect_true(
        not can_use(sandbox, stranger, arn),
        wanted=f"account {stranger} may not use the layer",
        got="it may",
        look_at='Principal: the partner\'s account, and not "*"',
    )
    first = f"{layer}:1"
    expect_true(
        arn != first and not can_use(sandbox, PARTNER, first),
        wanted="the partner may not use version 1, which nobody finds anything in",
        got="it may, or that is the version of cloudberry-bill",
        look_at="VersionNumber: the version that you published last",
    )


@pytest.mark.points(2)
def test_both_functions_share_one_layer(sandbox):
    """cloudberry-orders and cloudberry-parcels have the same version of the layer, and small zips

    What many functions need is published once, and what is uploaded at every change is a few hundred bytes.
    """
    arns = [layer_of(sandbox, name, POWERTOOLS_LAYER) for name in (ORDERS, PARCELS)]
    expect(arns[1], wanted=arns[0], look_at="Layers=[...] of both functions")
    for name in (ORDERS, PARCELS):
        configuration = configuration_of(sandbox, name)
        expect(
            [configuration["MemorySize"], configuration["Timeout"]],
            wanted=[256, 10],
            look_at=f"MemorySize and Timeout of {name}",
        )
        expect_true(
            configuration["CodeSize"] < MOST_OWN_BYTES,
            wanted=f"a zip of {name} without a library in it",
            got=f"{configuration['CodeSize']} bytes",
            look_at="what lies in the folder that you deploy",
        )


@pytest.mark.points(2)
def test_orders_logs_as_json(sandbox):
    """An order is answered, and logged as one line of JSON

    A line with names and values can be searched and counted by a machine; a sentence can only be read.
    """
    result = call(sandbox, ORDERS, {"order_id": "check-1", "cents": 1300})
    expect(result.payload, wanted={"order_id": "check-1"}, look_at="what the handler returns")
    line = line_of(result, "order_id", "check-1")
    expected = {"level": "INFO", "message": "order taken", "service": "orders"}
    expect(told(line, *expected), wanted=expected, look_at="Logger(service=…) and logger.info(…)")


@pytest.mark.points(2)
def test_parcels_logs_by_level(sandbox):
    """A parcel is logged as sent, and one that is too heavy as a warning

    The level says who should care: INFO is for later, WARNING is for somebody who looks at it today.
    """
    for grams, sent, level, message in [
        (1200, True, "INFO", "parcel sent"),
        (30_001, False, "WARNING", "parcel too heavy"),
    ]:
        result = call(sandbox, PARCELS, {"parcel_id": f"check-{grams}", "weight_g": grams})
        expect(result.payload, wanted={"sent": sent}, look_at=f"the answer for {grams} g")
        line = line_of(result, "parcel_id", f"check-{grams}")
        expected = {"level": level, "message": message, "service": "parcels"}
        expect(told(line, *expected), wanted=expected, look_at=f"what is logged for {grams} g")


@pytest.mark.points(2)
@pytest.mark.held
def test_log_lines_belong_to_their_requests(sandbox, seeded):
    """Other orders and parcels are logged too, each line with the id of its request"""
    decorator = "logger.inject_lambda_context above the handler"
    for _ in range(2):
        order_id = f"o-{seeded.randrange(10**9)}"
        result = call(sandbox, ORDERS, {"order_id": order_id, "cents": seeded.randint(1, 9999)})
        line = line_of(result, "order_id", order_id)
        expect(line.get("function_request_id"), wanted=result.report["request_id"], look_at=decorator)
    for grams in [30_000, seeded.randint(1, 29_999), seeded.randint(30_001, 99_999)]:
        parcel_id = f"p-{seeded.randrange(10**9)}"
        result = call(sandbox, PARCELS, {"parcel_id": parcel_id, "weight_g": grams})
        line = line_of(result, "parcel_id", parcel_id)
        expect(line.get("function_request_id"), wanted=result.report["request_id"], look_at=decorator)
        level = "INFO" if grams <= 30_000 else "WARNING"
        expect(line.get("level"), wanted=level, look_at=f"the limit: {grams} g")
        expect(result.payload, wanted={"sent": grams <= 30_000}, look_at=f"the answer for {grams} g")


PROBE = """
import aws_lambda_powertools
import jmespath
import typing_extensions
from aws_lambda_powertools.utilities.data_classes import SQSEvent


def handler(event, context):
    return {
        "bodies": [record.body for record in SQSEvent(event).records],
        "found": jmespath.search("Records[*].body", event),
        "from": [module.__file__ for module in (aws_lambda_powertools, jmespath, typing_extensions)],
    }
"""


@pytest.mark.points(2)
@pytest.mark.held
def test_layer_serves_any_function(sandbox, seeded):
    """A function that has never been seen uses the three libraries of the layer"""
    arn = layer_of(sandbox, ORDERS, POWERTOOLS_LAYER)
    name = f"probe-{seeded.randrange(10**9)}"
    bodies = [f"body-{seeded.randrange(10**6)}" for _ in range(3)]
    sandbox.deploy(name, PROBE, Layers=[arn], MemorySize=512, Timeout=15)
    try:
        payload = call(sandbox, name, {"Records": [{"body": body} for body in bodies]}).payload
    finally:
        sandbox.client("lambda").delete_function(FunctionName=name)
    expect(
        [payload["bodies"], payload["found"]], wanted=[bodies, bodies], look_at="the libraries in the layer"
    )
    for place, wanted_place in zip(
        payload["from"],
        ["aws_lambda_powertools/__init__.py", "jmespath/__init__.py", "typing_extensions.py"],
        strict=True,
    ):
        look_at = "vendor: three libraries into work/powertools/python"
        require_place(place, f"python/{wanted_place}", look_at=look_at)
