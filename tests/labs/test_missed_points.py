"""What misses a lab's point fails a check that the learner can see: nobody is told that all is well when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.catalogue import read_checks
from autograder.discover import find_lab, read_labs
from autograder.grade import Job
from autograder.result import GRADED
from autograder.submissions import Submission
from autograder.workers import Foremen, grade_one

from .test_other_right_answers import written_otherwise

LABS = read_labs(Path(__file__).resolve().parents[2] / "labs")

_QUEUE = '    DestinationConfig={"OnFailure": {"Destination": '
# Lab, answer cell, what the solution says there, what misses the point, and the check that has to notice.
MISSED = {
    "a price list of everybody's is changed for one member": (
        "03",
        "basket",
        "prices = dict(PRICES_CENTS)",
        "prices = PRICES_CENTS",
        "test_a_members_price_stays_with_the_member",
    ),
    "a branch's currency in the code": (
        "04",
        "receipt",
        "{os.environ['CURRENCY']}",
        "EUR",
        "test_receipt_of_another_branch",
    ),
    "a layer for everybody": (
        "05",
        "share",
        'Principal="210987654321"',
        'Principal="*"',
        "test_nobody_else_may_use_it",
    ),
    "a broken price list that nobody hears of": (
        "08",
        "wiring",
        '{"OnFailure": {"Destination": failed_arn}}',
        "{}",
        "test_broken_list_ends_in_the_queue",
    ),
    "a broken stock file that nobody hears of": (
        "08",
        "stock-wiring",
        f"{_QUEUE}stock_failed_arn}}}},\n",
        "",
        "test_stock_is_fed_and_failures_are_reported_at_once",
    ),
    "a bad change that nobody hears of": (
        "10",
        "totals-wiring",
        f"{_QUEUE}failed_arn}}}},\n",
        "",
        "test_a_bad_change_is_told_and_the_rest_gets_through",
    ),
    "poison that is swallowed": (
        "11",
        "takings",
        '[sale_of(record) for record in event["Records"]]',
        "[sale_of(record) for record in event[\"Records\"] if b'stall' in base64.b64decode(record['kinesis']['data'])]",
        "test_poison_is_told_and_every_sale_counts",
    ),
    "a cancellation that is lost unseen": (
        "12",
        "refund-wiring",
        ', "DeadLetterConfig": {"Arn": undelivered_arn}}',
        "}",
        "test_what_cannot_be_delivered_is_kept",
    ),
    "a cashier without patience": (
        "14",
        "cashier",
        "        time.sleep(pause_s)\n",
        '        if attempts > 1:\n            return {"paid": False, "reason": "busy", "attempts": attempts}\n',
        "test_cashier_waits_for_a_busy_card_company",
    ),
    "no alarm": (
        "16",
        "refunds-deploy",
        "cloudwatch.put_metric_alarm(",
        "dict(",
        "test_alarm_rings_for_two_errors_and_not_for_one",
    ),
    "a role that may do anything": (
        "17",
        "clerk-permissions",
        "*statements",
        'allow("*", "*")',
        "test_clerk_may_do_nothing_else",
    ),
    "a confused deputy": (
        "17",
        "clerk-permissions",
        ", SourceArn=orders_topic",
        "",
        "test_other_topics_may_not_call_the_clerk",
    ),
    "a set-up that fails and goes on": (
        "18",
        "printer",
        "\n    exit 1",
        "",
        "test_printer_without_a_name_says_so",
    ),
    "a runtime that fails and goes on": (
        "18",
        "shell",
        "\n    exit 1",
        "",
        "test_runtime_says_what_failed",
    ),
    "a cache key of all that browsers send": (
        "19",
        "wiring",
        '"x-window"]',
        '"x-window", "accept-language"]',
        "test_cache_keeps_four_copies_and_no_more",
    ),
    "a function for every rule": (
        "20",
        "rule",
        '"iot", rule_arn)',
        '"iot", rule_arn.rpartition("/")[0] + "/*")',
        "test_other_rules_may_not_call",
    ),
    "words that become part of a statement": (
        "21",
        "order",
        '"UPDATE stock SET pieces = pieces - :pieces WHERE sku = :sku AND pieces >= :pieces"',
        "f\"UPDATE stock SET pieces = pieces - :pieces WHERE sku = '{event['sku']}' AND pieces >= :pieces\"",
        "test_words_are_only_words",
    ),
    "a password that is asked for at each order": (
        "21",
        "database",
        "    known = connection()\n",
        "    global _secret\n    _secret = None\n    secret()\n    known = connection()\n",
        "test_the_password_is_asked_for_once",
    ),
    "parcels that stay booked": (
        "23",
        "order",
        '    if parcels.has_failure:\n        return cancelled("no courier")\n',
        "",
        "test_an_order_without_a_courier_is_undone",
    ),
    "an order that is packed again": (
        "24",
        "packer",
        '"#status = :placed"',
        '"#status = :placed OR attribute_exists(customer)"',
        "test_what_comes_twice_is_packed_once",
    ),
    "a door that may do anything": (
        "24",
        "door",
        'allow("dynamodb:GetItem", PRODUCTS)',
        'allow("*", "*")',
        "test_roles_are_small",
    ),
}


@pytest.mark.timeout(300)
def test_route_without_its_authorizer_is_told_by_the_error_that_it_leads_to(
    tmp_path: Path, foremen: Foremen
) -> None:
    lab, check = find_lab(LABS, "24"), "test_an_order_is_placed_and_shown"
    said = ', AuthorizationType="CUSTOM", AuthorizerId=authorizer_id'
    path = written_otherwise(lab, "door", said, "", tmp_path / "lab.ipynb")
    result = grade_one(Job(lab, Submission("ada", "ada", path), "seed", only=frozenset({check})), foremen)
    [found] = result.checks
    assert "; cloudberry-shop failed: KeyError: 'authorizer'" in found.look_at


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", MISSED)
def test_what_misses_the_point_fails_a_check_that_the_learner_sees(
    tmp_path: Path, foremen: Foremen, case: str
) -> None:
    number, name, said, instead, check = MISSED[case]
    lab = find_lab(LABS, number)
    assert not read_checks(lab.checks)[check].held
    path = written_otherwise(lab, name, said, instead, tmp_path / "lab.ipynb")
    submission = Submission("ada", "ada", path)
    result = grade_one(Job(lab, submission, "seed", only=frozenset({check})), foremen)
    assert (result.status, result.cell_errors) == (GRADED, ())
    assert [(found.outcome, found.held) for found in result.checks] == [("failed", False)]
    [found] = result.checks
    assert all((found.wanted, found.got, found.look_at)), found.reason
