"""What people get wrong: every claim has an answer that can be looked up, and what can be tried holds on the sandbox."""

import ast
import base64
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import urlopen

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError

from docs_hooks import misconceptions
from docs_hooks.facts import load as load_facts
from lambda_sandbox import package
from lambda_sandbox.clock import ManualClock
from lambda_sandbox.invocation.core import Core
from lambda_sandbox.invocation.messages import Invocation, InvocationType, StartEnvironment
from lambda_sandbox.notebook import InProcessSandbox, Sandbox
from lambda_sandbox.simulation.durations import Constant
from lambda_sandbox.simulation.scenario import Scenario
from lambda_sandbox.simulation.traffic import Recorded
from lambda_sandbox.telemetry.meters import Usage, charges, total_usd
from lambda_sandbox.telemetry.prices import Prices
from tests.docs.conftest import ROOT
from tests.docs.test_facts import _QUANTITY

DOCS = ROOT / "docs"
PAGE = DOCS / "concepts" / "16-what-people-get-wrong.md"
KNOWN = misconceptions.load(DOCS)
ROLE = "arn:aws:iam::000000000000:role/cloudberry"
_LINK = re.compile(r"\]\(([^)#]*)(?:#([\w-]+))?\)")


def named(each: misconceptions.Misconception) -> str:
    return each.fact.id


# --- the page ---------------------------------------------------------------------------------------


def test_every_misconception_that_the_facts_know_has_its_answer_once() -> None:
    claims = [row["id"] for row in yaml.safe_load((DOCS / "facts" / "misconceptions.yaml").read_text())]
    assert sorted(each.fact.id for each in KNOWN) == sorted(claims)
    assert "<!-- generated: misconceptions -->" in PAGE.read_text()


@pytest.mark.parametrize("each", KNOWN, ids=named)
def test_where_it_is_settled_exists(each: misconceptions.Misconception) -> None:
    links = [_LINK.search(link) for link in each.settled]
    assert links
    slugs = {slug for topic in yaml.safe_load((DOCS / "topics.yaml").read_text()) for slug in topic["labs"]}
    pages = {page for topic in yaml.safe_load((DOCS / "topics.yaml").read_text()) for page in topic["pages"]}
    for link in links:
        assert link is not None
        target, anchor = link[1], link[2]
        if not target:
            headings = re.findall(r"^## (.+)$", PAGE.read_text(), re.M)
            assert anchor in {re.sub(r"[^\w]+", "-", heading.lower()).strip("-") for heading in headings}
        elif target.endswith("lab.ipynb"):
            assert target.split("/")[-2] in slugs
        else:
            path = (PAGE.parent / target).resolve().relative_to(DOCS).as_posix()
            assert (DOCS / path).exists() or path in pages or path == "reference/quotas.md", path


@pytest.mark.parametrize("each", [each for each in KNOWN if each.proof], ids=named)
def test_its_proof_is_a_test(each: misconceptions.Misconception) -> None:
    path, _, name = each.proof.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_only_what_the_sandbox_does_not_have_is_without_proof() -> None:
    """The sandbox meters no Lambda@Edge: its price and rounding are told from AWS's own pages."""
    assert {each.fact.id for each in KNOWN if not each.proof} == {"m-edge50"}


@pytest.mark.parametrize("each", KNOWN, ids=named)
def test_its_numbers_are_those_of_its_facts(each: misconceptions.Misconception) -> None:
    facts = load_facts(DOCS / "facts")
    rows = yaml.safe_load((DOCS / "facts" / "misconceptions.yaml").read_text())
    other = next(row["value"]["fact"] for row in rows if row["id"] == each.fact.id)
    checked = " ".join([each.fact.statement, facts[other].statement, *facts[other].quotes, PAGE.read_text()])
    for quantity in _QUANTITY.findall(each.answer):
        number = quantity.replace(" seconds", " s")
        assert quantity in checked or number in checked, quantity


# --- what can be tried ------------------------------------------------------------------------------


class Shop:
    """Functions of one handler each, on the server of this session."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.client: Any = boto3.client("lambda")

    def deploy(self, name: str, source: str, **options: Any) -> str:
        values = {"Runtime": "python3.13", "Handler": "app.handler", "Role": ROLE, **options}
        code = {"ZipFile": package(source, filename="app.py")}
        arn: str = self.client.create_function(FunctionName=name, Code=code, **values)["FunctionArn"]
        self.client.get_waiter("function_active_v2").wait(FunctionName=name)
        return arn

    def call(self, name: str, event: Any = None) -> Any:
        answer = self.client.invoke(FunctionName=name, Payload=json.dumps(event or {}))
        return json.load(answer["Payload"])

    def report(self, name: str, event: Any = None) -> dict[str, float]:
        """Return the numbers of the REPORT line of one call."""
        answer = self.client.invoke(FunctionName=name, LogType="Tail", Payload=json.dumps(event or {}))
        line = base64.b64decode(answer["LogResult"]).decode().rpartition("REPORT")[2]
        return {name: float(value) for name, value in re.findall(r"\t([A-Z][\w ]+): ([\d.]+)", line)}


@pytest.fixture
def shop(lambda_sandbox: Sandbox) -> Shop:
    return Shop(lambda_sandbox)


WAITS = "import time\ndef handler(event, context):\n    time.sleep(event.get('seconds', 0))\n    return 1\n"
COUNTS = "seen = []\ndef handler(event, context):\n    seen.append(1)\n    return len(seen)\n"


def test_a_call_is_billed_in_steps_of_one_millisecond(shop: Shop) -> None:
    shop.deploy("short", WAITS)
    shop.call("short")
    warm = shop.report("short", {"seconds": 0.012})
    assert warm["Duration"] <= warm["Billed Duration"] < warm["Duration"] + 1
    assert warm["Billed Duration"] < 100


def test_a_cold_call_is_billed_with_its_init(shop: Shop) -> None:
    shop.deploy("starting", "import time\ntime.sleep(0.2)\n" + COUNTS)
    cold = shop.report("starting")
    assert cold["Init Duration"] >= 200
    assert cold["Billed Duration"] >= cold["Duration"] + cold["Init Duration"] - 0.02


def test_concurrency_kept_ready_costs_without_a_call() -> None:
    kept = Usage(0, {}, reserved_gb_seconds={"x86_64": 1000.0})
    assert total_usd(charges(kept, Prices.load())) > 0
    assert total_usd(charges(Usage(0, {}), Prices.load())) == 0


def test_the_free_tier_leaves_provisioned_concurrency_out() -> None:
    prices = Prices.load()
    ran = {"x86_64": 1000.0}
    assert total_usd(charges(Usage(0, gb_seconds=ran), prices, prices.free_tier)) == 0
    assert total_usd(charges(Usage(0, provisioned_gb_seconds=ran), prices, prices.free_tier)) > 0
    assert total_usd(charges(Usage(0, reserved_gb_seconds=ran), prices, prices.free_tier)) > 0


def test_the_memory_that_is_configured_is_paid_for(shop: Shop) -> None:
    shop.deploy("roomy", COUNTS, MemorySize=1024)
    report = shop.report("roomy")
    assert report["Max Memory Used"] < report["Memory Size"] == 1024
    (row,) = shop.sandbox.bill().rows
    assert row["gb_seconds"] == pytest.approx(report["Billed Duration"] / 1000)


def test_requests_are_paid_for_besides_their_duration() -> None:
    prices = Prices.load()
    duration = total_usd(charges(Usage(0, {"x86_64": 1000.0}), prices))
    both = total_usd(charges(Usage(1_000_000, {"x86_64": 1000.0}), prices))
    assert both - duration == pytest.approx(0.20)


def test_a_function_has_no_environment_until_it_is_called_and_one_for_each_call_at_once(shop: Shop) -> None:
    shop.deploy("quiet", WAITS)
    assert shop.sandbox.history("quiet").environments == []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: shop.call("quiet", {"seconds": 0.5}), range(4)))
    assert len(shop.sandbox.history("quiet").environments) == 4


def test_a_call_after_long_idleness_starts_cold(lambda_sandbox_in_process: InProcessSandbox) -> None:
    shop = Shop(lambda_sandbox_in_process)
    shop.deploy("rare", COUNTS)
    assert [shop.call("rare"), shop.call("rare")] == [1, 2]
    lambda_sandbox_in_process.advance(86_400)
    assert shop.call("rare") == 1


def test_what_one_call_leaves_in_a_global_the_next_one_finds(shop: Shop) -> None:
    shop.deploy("keeps", COUNTS)
    assert [shop.call("keeps") for _ in range(3)] == [1, 2, 3]


def test_returning_does_not_end_the_process_and_a_crash_does(shop: Shop) -> None:
    source = "import os\n" + COUNTS.replace(
        "    return", "    if event.get('crash'):\n        os._exit(1)\n    return"
    )
    shop.deploy("lives", source)
    assert [shop.call("lives"), shop.call("lives")] == [1, 2]
    shop.call("lives", {"crash": True})
    assert shop.call("lives") == 1


def test_above_a_limit_calls_are_throttled(shop: Shop) -> None:
    shop.deploy("narrow", WAITS)
    shop.client.put_function_concurrency(FunctionName="narrow", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as refused:
        shop.call("narrow")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_a_function_gains_a_thousand_environments_at_first_and_more_after_ten_seconds() -> None:
    clock = ManualClock(0.0)
    core = Core(clock, account_limit=3000)
    nothing = Constant(0.0)
    function = Scenario(traffic=Recorded(()), handler=nothing, init=nothing).function

    def started(callers: int, first: int) -> int:
        actions = [
            action
            for number in range(first, first + callers)
            for action in core.invoke(
                Invocation(str(number), function, b"{}", clock.now(), InvocationType.REQUEST_RESPONSE)
            )
        ]
        return sum(isinstance(action, StartEnvironment) for action in actions)

    assert started(1500, first=0) == 1000
    clock.move_to(10.0)
    assert started(1500, first=1500) == 1000


def test_there_are_settings_and_each_takes_effect(shop: Shop) -> None:
    shop.deploy("tuned", WAITS, MemorySize=128, Timeout=1)
    assert "Task timed out after 1.00 seconds" in shop.call("tuned", {"seconds": 3})["errorMessage"]
    shop.client.update_function_configuration(FunctionName="tuned", MemorySize=256, Timeout=5)
    shop.client.get_waiter("function_updated_v2").wait(FunctionName="tuned")
    assert shop.report("tuned", {"seconds": 1.1})["Memory Size"] == 256


def test_the_same_event_invokes_nothing_until_somebody_sends_it(shop: Shop) -> None:
    shop.deploy("echo", "def handler(event, context):\n    return event\n")
    event = {"what": "a document"}
    assert shop.sandbox.history("echo").invocations == []
    assert shop.call("echo", event) == event
    assert len(shop.sandbox.history("echo").invocations) == 1


def test_a_function_can_be_invoked_with_and_without_waiting(shop: Shop) -> None:
    shop.deploy("both", COUNTS)
    kinds = {"RequestResponse": 200, "Event": 202}
    answers = {kind: shop.client.invoke(FunctionName="both", InvocationType=kind) for kind in kinds}
    assert {kind: answer["StatusCode"] for kind, answer in answers.items()} == kinds


def test_there_are_far_more_than_eight_event_sources() -> None:
    shapes = list((ROOT / "lambda_sandbox" / "event_shapes").glob("*.json"))
    assert len(shapes) > 28


def test_a_function_answers_http_without_a_gateway(shop: Shop) -> None:
    shop.deploy("open", "def handler(event, context):\n    return 'hello'\n")
    address = shop.client.create_function_url_config(FunctionName="open", AuthType="NONE")["FunctionUrl"]
    for action, options in (
        ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"}),
        ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True}),
    ):
        shop.client.add_permission(
            FunctionName="open", StatementId=action[7:], Principal="*", Action=action, **options
        )
    with urlopen(address) as answer:
        assert answer.read() == b"hello"


def test_an_event_of_more_than_256_kb_is_accepted(shop: Shop) -> None:
    shop.deploy("large", COUNTS)
    event = json.dumps({"text": "x" * 900_000})
    assert (
        shop.client.invoke(FunctionName="large", InvocationType="Event", Payload=event)["StatusCode"] == 202
    )
    with pytest.raises(ClientError):
        shop.client.invoke(FunctionName="large", InvocationType="Event", Payload=event + " " * 400_000)


# A runtime in a few lines. What stands for CHUNKS is the answer, HEADERS say how it is sent.
BOOTSTRAP = """\
#!/usr/bin/env python3
import http.client
import os
import time

connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    connection.request("GET", "/2018-06-01/runtime/invocation/next")
    event = connection.getresponse()
    request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
    event.read()
    path = f"/2018-06-01/runtime/invocation/{request_id}/response"
    connection.request("POST", path, CHUNKS, HEADERS, encode_chunked=bool(HEADERS))
    connection.getresponse().read()
"""


def test_a_streamed_answer_may_be_larger_than_20_mb(shop: Shop) -> None:
    headers = (
        '{"Lambda-Runtime-Function-Response-Mode": "streaming", "Content-Type": "application/octet-stream"}'
    )
    source = BOOTSTRAP.replace("CHUNKS", "(b'x' * 1024 * 1024 for _ in range(21))").replace(
        "HEADERS", headers
    )
    code = {"ZipFile": package({"bootstrap": source})}
    shop.client.create_function(
        FunctionName="streams", Runtime="provided.al2023", Handler="none", Role=ROLE, Code=code, Timeout=60
    )
    shop.client.get_waiter("function_active_v2").wait(FunctionName="streams")
    answer = shop.client.invoke_with_response_stream(FunctionName="streams")
    sizes = [len(event.get("PayloadChunk", {}).get("Payload", b"")) for event in answer["EventStream"]]
    assert sum(sizes) == 21 * 1024 * 1024


def test_the_api_takes_a_container_image(shop: Shop) -> None:
    image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/cloudberry:1"
    made = shop.client.create_function(
        FunctionName="imaged", PackageType="Image", Code={"ImageUri": image}, Role=ROLE
    )
    assert made["PackageType"] == "Image"


def test_a_sixth_layer_is_refused(shop: Shop) -> None:
    content = {"ZipFile": package({"python/jam.py": "PRICE = 650\n"})}
    layers = [
        shop.client.publish_layer_version(LayerName=f"jam-{number}", Content=content)["LayerVersionArn"]
        for number in range(6)
    ]
    shop.deploy(
        "layered", "import jam\ndef handler(event, context):\n    return jam.PRICE\n", Layers=layers[:5]
    )
    assert shop.call("layered") == 650
    with pytest.raises(ClientError):
        shop.client.update_function_configuration(FunctionName="layered", Layers=layers)


def test_a_runtime_of_ones_own_runs(shop: Shop) -> None:
    source = BOOTSTRAP.replace("CHUNKS", "b'6'").replace("HEADERS", "{}")
    shop.client.create_function(
        FunctionName="own",
        Runtime="provided.al2023",
        Handler="none",
        Role=ROLE,
        Code={"ZipFile": package({"bootstrap": source})},
    )
    shop.client.get_waiter("function_active_v2").wait(FunctionName="own")
    assert shop.call("own") == 6


def test_a_wrong_answer_is_no_error(shop: Shop) -> None:
    shop.deploy("minus", "def handler(event, context):\n    return 650 * event['jars']\n")
    answer = shop.client.invoke(FunctionName="minus", Payload=b'{"jars": -3}')
    assert "FunctionError" not in answer
    assert json.load(answer["Payload"]) == -1950
    (run,) = shop.sandbox.history("minus").invocations
    assert run["status"] == "success"


def test_a_function_that_logs_nothing_is_seen_all_the_same(shop: Shop) -> None:
    shop.deploy("silent", COUNTS)
    shop.call("silent")
    assert [line.split()[0] for line in shop.sandbox.logs("silent")] == [
        "INIT_START",
        "START",
        "END",
        "REPORT",
    ]
    now = time.time()
    points = boto3.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Invocations",
        Dimensions=[{"Name": "FunctionName", "Value": "silent"}],
        StartTime=now - 7200,
        EndTime=now + 7200,
        Period=14400,
        Statistics=["Sum"],
    )["Datapoints"]
    assert sum(point["Sum"] for point in points) == 1
