"""What lab 06 asks for: a release that was taken back and repaired, and two aliases of a function's own.

Weights are drawn, so no check asks for an exact share: the bounds are five standard deviations wide or more.
"""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import expect_guesses, expect_observed, require_function

DELIVERY = "cloudberry-delivery"
MENU = "cloudberry-menu"


def alias_of(sandbox, name, alias):
    """Return an alias as GetAlias gives it; fail the check if there is no such function or alias."""
    require_function(sandbox, name)
    try:
        return sandbox.client("lambda").get_alias(FunctionName=name, Name=alias)
    except ClientError as error:
        wanted(f"an alias {alias} of {name}", error.response["Error"]["Code"], "point(name, alias, version)")


def weights_of(alias):
    return alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})


def ask(sandbox, name, qualifier, event):
    """Invoke a version or an alias; return the version that ran, and its answer. Fail the check if it raises."""
    try:
        response = sandbox.client("lambda").invoke(
            FunctionName=name, Qualifier=qualifier, Payload=json.dumps(event)
        )
    except ClientError as error:
        wanted(f"{name}:{qualifier}", error.response["Error"]["Code"], "what you deployed and published")
    body = response["Payload"].read(1_000_000)
    expect_true(
        "FunctionError" not in response,
        wanted=f"an answer of {name}:{qualifier} to {json.dumps(event)}",
        got=body.decode(errors="replace"),
        look_at="the version that the alias means, and its code",
    )
    return response["ExecutedVersion"], json.loads(body)


def delivery_cents(weight_g):
    return 490 if weight_g <= 5000 else 890 if weight_g <= 20_000 else 1490


def published(sandbox, name, version):
    """Return the configuration that is frozen in a version."""
    return sandbox.client("lambda").get_function_configuration(FunctionName=name, Qualifier=version)


def season_of(sandbox, version):
    return published(sandbox, MENU, version).get("Environment", {}).get("Variables", {}).get("SEASON")


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {"vat_of_the_version": int, "versions_after_two_calls": int, "calls_to_the_new_version": int},
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down what a version keeps, and who notices that an alias moved

    A version is code and configuration together, frozen; the alias in front of it is all that a caller knows.
    """
    versions, aliases = "the lines under 'Versions'", "the three lines under 'Aliases'"
    right = [
        ("gross_by_the_first_version", 1200, versions),
        ("gross_by_latest", 1250, versions),
        ("publishing_again_made_another_version", False, versions),
        ("a_version_could_be_changed", False, "what the attempt to change one was answered with"),
        ("the_caller_changed_when_the_alias_moved", False, aliases),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_release_is_finished(sandbox):
    """All deliveries go to one version, and that is neither the old nor the bad one

    A release ends when the alias means one version again: a weight that is left standing is a release in between.
    """
    alias = alias_of(sandbox, DELIVERY, "live")
    expect(weights_of(alias), wanted={}, look_at="promote: an update without weights takes the old ones away")
    for weight_g in [4000, 15_000, 24_000]:
        _, answer = ask(sandbox, DELIVERY, "live", {"weight_g": weight_g})
        got = answer.get("delivery_cents") if type(answer) is dict else answer
        look_at = f"which version live means: the price of {weight_g} g tells"
        expect(got, wanted=delivery_cents(weight_g), look_at=look_at)


@pytest.mark.points(2)
@pytest.mark.held
def test_every_delivery_is_priced(sandbox, seeded):
    """Parcels of any weight get the repaired version's price, every time"""
    alias = alias_of(sandbox, DELIVERY, "live")
    weights = [5000, 5001, 20_000, 20_001, *seeded.choices(range(1, 60_000), k=36)]
    seeded.shuffle(weights)
    for weight_g in weights:
        version, answer = ask(sandbox, DELIVERY, "live", {"weight_g": weight_g})
        expected = {"delivery_cents": delivery_cents(weight_g), "version": alias["FunctionVersion"]}
        expect(answer, wanted=expected, look_at="the version that live means, and weights that are left")
        expect(version, wanted=alias["FunctionVersion"], look_at="weights that are left on the alias")


@pytest.mark.points(1)
@pytest.mark.held
def test_release_can_be_taken_back(sandbox):
    """The old version is still there, as it was"""
    alias = alias_of(sandbox, DELIVERY, "live")
    found = sandbox.client("lambda").list_versions_by_function(FunctionName=DELIVERY)["Versions"]
    others = [
        each["Version"] for each in found if each["Version"] not in ("$LATEST", alias["FunctionVersion"])
    ]
    flat = [
        version
        for version in others
        if ask(sandbox, DELIVERY, version, {"weight_g": 15_000})[1].get("delivery_cents") == 490
    ]
    expect_true(
        bool(flat),
        wanted="a version with the old price beside the one that is live",
        got=f"live means {alias['FunctionVersion']}, and there are {others}",
        look_at="whether you promoted the repaired version, and kept the old one",
    )


@pytest.mark.points(2)
def test_menu_next_means_spring(sandbox):
    """The alias next means a version that was published in spring

    Configuration is frozen with the code: the variable was set, the version published, and then the variable moved on.
    """
    alias = alias_of(sandbox, MENU, "next")
    version, answer = ask(sandbox, MENU, "next", {})
    expect_true(
        version != "$LATEST", wanted="a published version", got=version, look_at="publish, then point"
    )
    expected = {"season": "spring", "version": alias["FunctionVersion"]}
    expect(
        answer,
        wanted=expected,
        look_at="what the handler returns, and SEASON at the moment when the version was published",
    )


@pytest.mark.points(2)
def test_menu_live_has_its_weight(sandbox):
    """The alias live means winter, with a quarter of the calls for spring

    The alias names a main version and one more with its weight: the main one gets what is left.
    """
    spring = alias_of(sandbox, MENU, "next")["FunctionVersion"]
    alias = alias_of(sandbox, MENU, "live")
    expect(
        weights_of(alias),
        wanted={spring: 0.25},
        look_at="update_alias with RoutingConfig; and note that point takes weights away",
        numbers_alike=True,
    )
    expect(season_of(sandbox, alias["FunctionVersion"]), wanted="winter", look_at="the main version of live")


@pytest.mark.points(2)
@pytest.mark.held
def test_menu_live_is_shared_out(sandbox):
    """Of many calls about a quarter meet spring, and each answer names the version that ran"""
    main = alias_of(sandbox, MENU, "live")["FunctionVersion"]
    other = alias_of(sandbox, MENU, "next")["FunctionVersion"]
    seasons = {main: "winter", other: "spring"}
    counts = dict.fromkeys(seasons, 0)
    for _ in range(120):
        version, answer = ask(sandbox, MENU, "live", {})
        expected = {"season": seasons.get(version), "version": version}
        expect(answer, wanted=expected, look_at="the season and the version in the answer")
        counts[version] += 1
    # 30 expected, with a standard deviation of 4.7.
    expect_true(
        6 <= counts[other] <= 60,
        wanted="about 30 of 120 calls for spring",
        got=f"{counts[other]} of 120",
        look_at="the weight of the second version on the alias live: 0.25",
    )


@pytest.mark.points(2)
@pytest.mark.held
def test_menu_latest_may_change_unnoticed(sandbox, seeded):
    """$LATEST says test, and whatever it is changed to, the aliases do not notice"""
    client = sandbox.client("lambda")
    alias_of(sandbox, MENU, "next")
    before = client.get_function_configuration(FunctionName=MENU).get("Environment", {}).get("Variables", {})
    expect(before.get("SEASON"), wanted="test", look_at="the last deployment: SEASON of $LATEST")
    season = f"season-{seeded.randrange(10**6)}"
    try:
        set_variables(client, {**before, "SEASON": season})
        version, answer = ask(sandbox, MENU, "$LATEST", {})
        expect(
            [version, answer.get("season")], wanted=["$LATEST", season], look_at="os.environ in the handler"
        )
        _, answer = ask(sandbox, MENU, "next", {})
        expect(answer.get("season"), wanted="spring", look_at="what next means: a version, not $LATEST")
        for _ in range(8):
            _, answer = ask(sandbox, MENU, "live", {})
            told = answer.get("season")
            expect_true(
                told in ("winter", "spring"), wanted="winter or spring", got=told, look_at="alias live"
            )
    finally:
        set_variables(client, before)


def set_variables(client, variables):
    client.update_function_configuration(FunctionName=MENU, Environment={"Variables": variables})
    client.get_waiter("function_updated_v2").wait(FunctionName=MENU)
