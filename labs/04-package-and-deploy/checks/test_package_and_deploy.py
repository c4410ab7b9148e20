"""What lab 04 asks for: a deployment repaired, a library in a package, and packages that Lambda fetches from a bucket."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import answer_of, configuration_of, expect_guesses, expect_observed

STOCK = "cloudberry-stock"
INTAKE = "cloudberry-intake"
RECEIPT = "cloudberry-receipt"
BUCKET = "cloudberry-builds-000000000000"
PRICES_CENTS = {"jam": 650, "juice": 420, "tea": 390, "honey": 890}
MOST_BYTES = 5_000_000


def zip_in_bucket(sandbox, name):
    """Return the bytes of the function's package in the bucket; fail the check if there is none."""
    key = f"{name}.zip"
    try:
        answer = sandbox.client("s3").get_object(Bucket=BUCKET, Key=key)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        wanted(
            f"{key} in the bucket {BUCKET}", code, "the gap in deploy: put_object with Bucket, Key and Body"
        )
    return answer["Body"].read(MOST_BYTES)


def files_of(zip_file):
    """Return name to content of a package; fail the check if it is too large to be this lab's."""
    try:
        with zipfile.ZipFile(io.BytesIO(zip_file)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > 1000 or sum(entry.file_size for entry in entries) > MOST_BYTES:
                wanted("a small package", "a very large one", "what lies in the folder work/receipt")
            return {entry.filename: archive.read(entry) for entry in entries}
    except zipfile.BadZipFile:
        wanted("a zip file", "something else", "what you put into the bucket: the bytes from package")


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def money(cents, currency="EUR"):
    return f"{cents // 100}.{cents % 100:02} {currency}"


def receipt_for(items, shop="Cloudberry", currency="EUR"):
    """Return the right answer of the receipt function."""
    cents = [PRICES_CENTS[sku] * quantity for sku, quantity in items]
    lines = [
        f"{quantity} x {sku}: {money(price, currency)}"
        for (sku, quantity), price in zip(items, cents, strict=True)
    ]
    return {"shop": shop, "lines": lines, "total": money(sum(cents), currency)}


def order_of(items):
    return {"items": [{"sku": sku, "quantity": quantity} for sku, quantity in items]}


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {"handler_string": str, "newer_zip_runs_at_once": bool, "variables_left": int},
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down what each mistake is called, and when new code runs

    The type of the error says which step failed: finding the module, finding the function in it, or reading the name.
    """
    handlers = "the lines under 'The handler's name'"
    right = [
        ("a_module_that_is_not_there", "Runtime.ImportModuleError", handlers),
        ("a_function_that_is_not_there", "Runtime.HandlerNotFound", handlers),
        ("no_dot_in_the_name", "Runtime.MalformedHandlerName", handlers),
        ("state_at_once", "Pending", "the line 'at once' under the first deployment"),
        ("dry_run_changed_the_code", False, "the call after the dry run"),
        ("newer_zip_changed_the_code", False, "the last line under 'From S3'"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_stock_is_repaired(sandbox):
    """The colleague's function answers, from the same zip

    The handler string is a path through the zip: folders and file with dots between them, then the function.
    """
    got = answer_of(sandbox, STOCK, {"sku": "tea"}, look_at="gap 1: the names in the zip")
    expect(got, wanted={"sku": "tea", "jars": 40, "warehouse": "north"}, look_at="gap 2: WAREHOUSE")


@pytest.mark.points(1)
def test_stock_keeps_its_variables(sandbox):
    """WAREHOUSE is new, and the other variables are as they were

    An update replaces all variables by those that it names, so whoever changes one reads the others first.
    """
    variables = configuration_of(sandbox, STOCK).get("Environment", {}).get("Variables", {})
    wanted_variables = {"LANGUAGE": "en", "COUNTRY": "FI", "WAREHOUSE": "north"}
    expect(variables, wanted=wanted_variables, look_at="gap 2: add to the variables that are there")


@pytest.mark.points(2)
def test_intake_has_its_library(sandbox):
    """A good order is accepted with its total, and a bad one refused by the schema

    A function has Python, boto3 and what is in its package: what your code imports beyond that you must bring along.
    """
    look_at = "the names in the zip, and the gap in work/intake/shop/orders.py"
    got = answer_of(sandbox, INTAKE, order_of([("jam", 2)]), look_at)
    expect(got, wanted={"accepted": True, "total_cents": 1300}, look_at="the gap in shop/orders.py")
    refused = answer_of(sandbox, INTAKE, order_of([("jam", 0)]), look_at)
    expect(
        refused.get("accepted") if type(refused) is dict else refused,
        wanted=False,
        look_at="what your code does when check raises",
    )


@pytest.mark.points(2)
@pytest.mark.held
def test_intake_judges_any_order(sandbox, seeded):
    """Other orders are accepted or refused as the schema says, and the error names the part that is wrong"""
    look_at = "the gap in shop/orders.py: check the whole event, and let error.message say what is wrong"
    for _ in range(3):
        items = [
            (seeded.choice(sorted(PRICES_CENTS)), seeded.randint(1, 100)) for _ in range(seeded.randint(1, 4))
        ]
        total = sum(PRICES_CENTS[sku] * quantity for sku, quantity in items)
        got = answer_of(sandbox, INTAKE, order_of(items), look_at)
        expect(got, wanted={"accepted": True, "total_cents": total}, look_at=look_at)
        place = seeded.randrange(len(items))
        field, value = seeded.choice([("quantity", 101), ("quantity", "2"), ("sku", "cloud"), ("sku", None)])
        event = order_of(items)
        event["items"][place][field] = value
        got = answer_of(sandbox, INTAKE, event, look_at)
        error = got.get("error") if type(got) is dict and got.get("accepted") is False else None
        expect_true(
            type(error) is str and f"items[{place}].{field}" in error,
            wanted=f"accepted False, and an error that names items[{place}].{field}",
            got=got,
            look_at=look_at,
        )
    for event in [{}, {"items": []}, {"items": {}}]:
        got = answer_of(sandbox, INTAKE, event, look_at)
        expect(got.get("accepted") if type(got) is dict else got, wanted=False, look_at=look_at)


@pytest.mark.points(2)
def test_intake_runs_what_lies_in_the_bucket(sandbox):
    """The package lies in the bucket, and it is the one that runs

    CodeSha256 is the fingerprint of the package, so anybody can prove that what runs is what was built.
    """
    configuration = configuration_of(sandbox, INTAKE)
    digest = hashlib.sha256(zip_in_bucket(sandbox, INTAKE)).digest()
    expect(
        configuration["CodeSha256"],
        wanted=base64.b64encode(digest).decode(),
        look_at="code in deploy: S3Bucket and S3Key; and whether you deployed again after the last change",
    )


@pytest.mark.points(2)
def test_receipt_answers_the_example(sandbox):
    """The receipt for two jars of jam and one tea is right

    Several modules and a data file are no more than several names in one zip: imports and paths work as on your disk.
    """
    items = [("jam", 2), ("tea", 1)]
    got = answer_of(sandbox, RECEIPT, order_of(items), look_at="the handler string and the names in the zip")
    expect(got, wanted=receipt_for(items), look_at="work/receipt/receipts/printer.py")


@pytest.mark.points(1)
def test_receipt_is_configured(sandbox):
    """cloudberry-receipt has its handler, its memory and its currency

    Code and configuration are deployed together and yet are two things: either may change without the other.
    """
    configuration = configuration_of(sandbox, RECEIPT)
    got = {
        "Handler": configuration["Handler"].replace("/", "."),
        "MemorySize": configuration["MemorySize"],
        "CURRENCY": configuration.get("Environment", {}).get("Variables", {}).get("CURRENCY"),
    }
    expected = {"Handler": "receipts.printer.make", "MemorySize": 256, "CURRENCY": "EUR"}
    expect(got, wanted=expected, look_at="what you pass to deploy")


@pytest.mark.points(2)
@pytest.mark.held
def test_receipt_is_right_for_any_order(sandbox, seeded):
    """Other orders, cents below ten among them, get right receipts"""
    for size in [0, 1, seeded.randint(2, 5)]:
        items = [(seeded.choice(sorted(PRICES_CENTS)), seeded.randint(1, 60)) for _ in range(size)]
        got = answer_of(sandbox, RECEIPT, order_of(items), look_at="an order of several items, or of none")
        expect(got, wanted=receipt_for(items), look_at="the lines, the total, and two digits for the cents")


@pytest.mark.points(3)
def test_receipt_of_another_branch(sandbox, seeded):
    """The same package with another shop.json and another currency is another branch

    What differs from branch to branch stands in a file and in a variable, so that a new branch is a deployment and no
    new code.
    """
    configuration = configuration_of(sandbox, RECEIPT)
    files = files_of(zip_in_bucket(sandbox, RECEIPT))
    expect_true(
        "shop.json" in files,
        wanted="shop.json at the top of the package",
        got=sorted(files)[:20],
        look_at="the folder that you deploy: work/receipt",
    )
    shop, currency = f"Branch {seeded.randint(2, 999)}", seeded.choice(["SEK", "NOK", "DKK"])
    files["shop.json"] = json.dumps({"name": shop, "address": "Elsewhere"}).encode()
    client, name = sandbox.client("lambda"), f"{RECEIPT}-branch"
    client.create_function(
        FunctionName=name,
        Runtime=configuration["Runtime"],
        Handler=configuration["Handler"],
        Role=configuration["Role"],
        MemorySize=256,
        Code={"ZipFile": zipped(files)},
        Environment={"Variables": {"CURRENCY": currency}},
    )
    try:
        client.get_waiter("function_active_v2").wait(FunctionName=name)
        items = [(sku, seeded.randint(1, 9)) for sku in sorted(PRICES_CENTS)]
        got = answer_of(sandbox, name, order_of(items), look_at="the package in the bucket")
        expect(
            got,
            wanted=receipt_for(items, shop, currency),
            look_at="where the shop's name and the currency come from: shop.json in the package, and CURRENCY",
        )
    finally:
        client.delete_function(FunctionName=name)
