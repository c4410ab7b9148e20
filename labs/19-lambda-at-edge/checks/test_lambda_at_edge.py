"""What lab 19 asks for: a window with functions at four events, a small cache key, and nothing private in the cache."""

from __future__ import annotations

import base64
import http.client
import re
from collections import Counter
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import expect_guesses, expect_observed

WINDOW = "cloudberry-window"
BUCKETS = {"old": "cloudberry-window", "new": "cloudberry-window-new"}
EVENTS = ["viewer-request", "origin-request", "origin-response", "viewer-response"]
SAFE = {"strict-transport-security": "max-age=31536000", "x-content-type-options": "nosniff"}
SORRY = {"en": "Not on the shelf", "sv": "Finns inte på hyllan"}
HTML = "text/html; charset=utf-8"
WHERE = {
    "viewer-request": "gap 3: the functions of the window; and whether it was distributed later without them",
    "viewer-response": "gap 3: the functions of the window; and whether it was distributed later without them",
    "origin-request": "your turn: distribute the window with all four functions",
    "origin-response": "your turn: distribute the window with all four functions",
}


def window(sandbox):
    """Return the distribution of the shop window as CloudFront lists it."""
    found = sandbox.client("cloudfront").list_distributions()["DistributionList"].get("Items", [])
    for each in found:
        if each["Comment"] == WINDOW:
            return each
    return wanted(
        f"a distribution {WINDOW}",
        "there is none",
        "the cell that deploys the greeter, and a refusal that it shows",
    )


def versions(sandbox, *events):
    """Return the ARN of the version at each of these events; fail the check where there is none."""
    items = window(sandbox)["DefaultCacheBehavior"]["LambdaFunctionAssociations"].get("Items", [])
    found = {each["EventType"]: each["LambdaFunctionARN"] for each in items}
    for event in events:
        expect_true(
            event in found,
            wanted=f"a function at {event} of {WINDOW}",
            got=f"functions at: {', '.join(found) or 'none of the four events'}",
            look_at=WHERE[event],
        )
    return [found[event] for event in events]


def ask(sandbox, path, **headers):
    """Send a request to the window; return status, headers (small letters, several joined) and text."""
    address = urlsplit(sandbox.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=50)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request("GET", path, headers={"Host": window(sandbox)["DomainName"], **names})
        answer = connection.getresponse()
        found = {}
        for name, value in answer.getheaders():
            found[name.lower()] = ", ".join(filter(None, [found.get(name.lower()), value]))
        return answer.status, found, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def location_of(sandbox, headers):
    """Return where a redirect leads to; an address with the window's own name is as good as its path."""
    own = re.escape(window(sandbox)["DomainName"])
    where = headers.get("location")
    return where and re.sub(rf"^(?:https?:)?//{own}(?::\d+)?(?=/)", "", where)


def put_pages(sandbox, name):
    """Put a page of that name in both languages into both buckets, and beside them, as long as there is no router."""
    s3 = sandbox.client("s3")
    for which, bucket in BUCKETS.items():
        for folder in ["", "en/", "sv/"]:
            body = f"{which} {folder}{name}".encode()
            try:
                s3.put_object(Bucket=bucket, Key=f"{folder}{name}", Body=body, ContentType=HTML)
            except ClientError:
                wanted(
                    f"a bucket {bucket}",
                    "there is none",
                    "the example's cells, and the cell before the router",
                )


def expect_page(sandbox, path, look_at, **headers):
    """Ask for a page; return its headers and text; fail the check, with CloudFront's reason, if it is not there."""
    status, found, text = ask(sandbox, path, **headers)
    expect_no_fault(f"the page {path}", status, found, text)
    got = f"{status}, {found.get('x-cache')}: {' '.join(text.split())}"
    expect_true(status == 200, wanted=f"the page {path}", got=got, look_at=look_at)
    return found, text


def expect_no_fault(what, status, headers, text):
    """Fail the check if CloudFront says that a function failed, and name the function."""
    if status in (502, 503):
        said = f"{status}, {headers.get('x-cache')}: {' '.join(text.split())}"
        named = re.search(r":function:([\w-]+)", text)
        where = (
            f"{named[1]}: what it returns, and sandbox.logs('{named[1]}')" if named else "the reason it gives"
        )
        if "KeyError" in text:
            where += "; a header that the origin's side does not see is not in the key (gap 4)"
        wanted(what, said, where)


def expect_headers(got, right, look_at):
    """Fail the check if headers differ, and show those that do."""
    differ = [name for name in sorted({*got, *right}) if got.get(name) != right.get(name)]
    shown = [{name: each.get(name) for name in differ} for each in (got, right)]
    expect(shown[0], wanted=shown[1], look_at=look_at)


def runs(sandbox):
    """Return how often each function has run."""
    return Counter(row["function_name"] for row in sandbox.history()["invocations"])


def request_of(event, uri, headers, **more):
    """Return a request as CloudFront shows it to a function of that event."""
    shown = {name.lower(): [{"key": name, "value": value}] for name, value in headers.items()}
    request = {"clientIp": "203.0.113.17", "method": "GET", "querystring": "", "uri": uri, "headers": shown}
    if event.startswith("origin"):
        domain = f"{BUCKETS['old']}.s3.amazonaws.com"
        s3 = {"authMethod": "none", "customHeaders": {}, "domainName": domain, "path": ""}
        request["origin"] = {"s3": s3}
        shown.setdefault("host", [{"key": "Host", "value": domain}])
    return {**request, **more}


def call(sandbox, event, look_at, **parts):
    """Call the version at an event with an event of ours, and return its answer, an object."""
    (arn,) = versions(sandbox, event)
    config = {
        "distributionDomainName": "d111111abcdef8.cloudfront.net",
        "distributionId": "EDFDVBD6EXAMPLE",
        "eventType": event,
        "requestId": "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==",
    }
    result = sandbox.invoke(arn, {"Records": [{"cf": {"config": config, **parts}}]})
    expect_true(
        result.function_error is None,
        wanted=f"an answer of the function at {event}",
        got=result.payload,
        look_at=f"its errorMessage; and at {look_at}",
    )
    expect_true(
        type(result.payload) is dict,
        wanted="the request or the response, changed or not, as the handler's answer",
        got=result.payload,
        look_at=f"what the handler returns; and at {look_at}",
    )
    return result.payload


def values_of(answer):
    """Return the headers of a function's answer: name to values, joined; what has no such shape is shown as it is."""
    headers = answer.get("headers")
    if type(headers) is not dict:
        return {"headers": headers}
    found = {}
    for name, values in headers.items():
        whole = type(values) is list and all(type(each) is dict for each in values)
        found[name] = ", ".join(str(each.get("value")) for each in values) if whole else values
    return found


def body_of(answer):
    """Return the body in a function's answer, decoded where it is base64."""
    body = answer.get("body")
    if answer.get("bodyEncoding") != "base64" or type(body) is not str:
        return body
    try:
        return base64.b64decode(body, validate=True).decode("utf-8", "replace")
    except ValueError:
        return "no base64"


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    names = ["viewer_request_runs", "origin_request_runs", "different_numbers", "status_when_it_raises"]
    expect_guesses(submission.literal("predict-1"), dict.fromkeys(names, int))


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down who runs for a hit, what is everybody's, and what a mistake costs the visitor

    Viewer functions run for each request, origin functions for what the cache does not know; and both stand in
    the way of the page, not beside it.
    """
    right = [
        ("viewer_request_runs_for_five", 5, "the line below the five visits"),
        ("origin_request_runs_for_five", 1, "the line below the five visits"),
        ("viewer_response_runs_for_a_missing_page", 0, "the line below GET /cloud.html"),
        ("origin_request_saw_the_cookie", False, "the headers that the watcher saw at origin-request"),
        ("lots_at_origin_response", 1, "'A lot for every visitor': origin-response -> ..."),
        ("lots_at_viewer_response", 5, "'A lot for every visitor': viewer-response -> ..."),
        ("status_of_a_wrong_shape", 502, "GET /tea.html of the clumsy function"),
        ("status_of_an_exception", 503, "GET /honey.html of the clumsy function"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_old_addresses_lead_to_the_new_ones(sandbox):
    """Who asks for /shop/jam.html is sent to /jam.html, and the origin hears nothing of it

    An answer that is made at the viewer request is the quickest there is: no cache, no bucket, no way across an
    ocean. It costs a run each time, though.
    """
    versions(sandbox, "viewer-request")
    before = runs(sandbox)
    status, headers, text = ask(sandbox, "/shop/tea.html")
    look_at = "gap 1: the status 301, and in location the path without the /shop in front"
    expect_no_fault("the status 301", status, headers, text)
    expect([status, location_of(sandbox, headers)], wanted=[301, "/tea.html"], look_at=look_at)
    ran = sum((runs(sandbox) - before).values())
    expect(ran, wanted=1, look_at="how many functions ran for the redirect: the greeter answers alone")


@pytest.mark.points(2)
@pytest.mark.held
def test_only_old_addresses_are_sent_on(sandbox, seeded):
    """Any path below /shop/ is sent on, whole; others that begin alike are pages"""
    versions(sandbox, "viewer-request")
    number = seeded.randrange(10**6)
    paths = [f"/tins/{number}.html", f"/shop/{number}.html", f"/a/b/shop/{number}.html", f"/{number}", "/"]
    seeded.shuffle(paths)
    for path in paths:
        status, headers, _ = ask(sandbox, f"/shop{path}", Accept_Language=seeded.choice(["sv", "en", "fi"]))
        look_at = f"the location for /shop{path}: all that comes after the first /shop"
        expect([status, location_of(sandbox, headers)], wanted=[301, path], look_at=look_at)
    for path in [f"shopping-{number}.html", f"workshop/shop/{number}.html"]:
        look_at = f"gap 1, for /{path}: only what is below /shop/ is sent on"
        request = request_of("viewer-request", f"/{path}", {"Host": "window.example"})
        answer = call(sandbox, "viewer-request", look_at, request=request)
        got = {name: answer.get(name) for name in ["status", "uri"]}
        expect(got, wanted={"status": None, "uri": f"/{path}"}, look_at=look_at)


@pytest.mark.points(2)
def test_every_visitor_draws_a_lot_of_their_own(sandbox):
    """The page comes from the cache, and the lot does not

    The viewer response runs after the cache, so what it adds is this visitor's. It is paid for each visit: keep
    it for what really differs.
    """
    versions(sandbox, "viewer-response")
    put_pages(sandbox, "check-lots.html")
    answers = [
        expect_page(sandbox, "/check-lots.html", "the pages' path and bucket: the router")[0]
        for _ in range(4)
    ]
    drawn = [headers.get("x-lot", "no x-lot") for headers in answers]
    expect_true(
        len(set(drawn)) == len(drawn) and "no x-lot" not in drawn,
        wanted="four visits, four different lots",
        got=drawn,
        look_at="gap 3: at which event does lots run for every visitor?",
    )
    expect_true(
        answers[-1].get("x-cache") == "Hit from cloudfront",
        wanted="a page that comes from the cache at the fourth visit",
        got=answers[-1].get("x-cache"),
        look_at="gap 4: what the cache tells copies apart by; and a cache-control that forbids to keep",
    )


@pytest.mark.points(3)
def test_cache_keeps_four_copies_and_no_more(sandbox, seeded):
    """Whatever browsers send, the greeter makes two words of it, and the cache four copies

    Each value of a header in the key is a copy of its own, and browsers send thousands. What is made of them before the
    cache decides how often the origin is asked.
    """
    versions(sandbox, "viewer-request")
    name = f"copies-{seeded.randrange(10**9)}.html"
    put_pages(sandbox, name)
    run = seeded.randrange(10**6)
    visitors = [
        ("sv", "old", {"Accept-Language": "sv"}),
        ("sv", "old", {"Accept-Language": f"sv-SE,sv;q=0.9,en;q=0.{run % 9}", "Cookie": f"basket={run}"}),
        ("sv", "old", {"Accept-Language": "sv-FI", "Cookie": f"window=old; basket={run}"}),
        ("sv", "new", {"Accept-Language": "sv", "Cookie": f"basket={run}; window=new"}),
        ("sv", "new", {"Accept-Language": "sv-SE", "Cookie": "window=new", "X-Window": "old"}),
        ("en", "old", {}),
        ("en", "old", {"Accept-Language": "en-GB,en;q=0.7", "Cookie": "window=newer"}),
        ("en", "old", {"Accept-Language": "de,sv;q=0.5", "Cookie": f"my_window=new; a={run}"}),
        ("en", "old", {"X-Language": f"x{run}", "X-Window": f"{run}"}),
        ("en", "old", {"X-Language": "sv", "X-Window": "new"}),
        ("en", "new", {"Accept-Language": "fi", "Cookie": "window=new"}),
        ("en", "new", {"Cookie": f"a=b;window=new;c={run}", "X-Language": f"y{run}"}),
    ]
    seeded.shuffle(visitors)
    for language, which, headers in visitors:
        look_at = f"gap 2, for a visitor with the headers {headers or 'of no browser'}"
        request = request_of("viewer-request", f"/{name}", {"Host": "window.example", **headers})
        answer = call(sandbox, "viewer-request", look_at, request=request)
        got = {key: values_of(answer).get(key) for key in ["x-language", "x-window"]}
        expect(got, wanted={"x-language": language, "x-window": which}, look_at=look_at)
        same = {key: answer.get(key) for key in ["uri", "method"]}
        expect(same, wanted={"uri": f"/{name}", "method": "GET"}, look_at="the path is the router's work")
    misses = 0
    for _, _, headers in visitors:
        found, _ = expect_page(sandbox, f"/{name}", "the pages' path and bucket: the router", **headers)
        misses += found.get("x-cache") == "Miss from cloudfront"
    expect_true(
        misses == 4,
        wanted=f"4 copies of a page for {len(visitors)} visitors: two languages, two windows",
        got=f"{misses} misses",
        look_at="gap 4: the names of the greeter's two headers, both of them and no other",
    )


@pytest.mark.points(2)
def test_hits_meet_the_viewer_side_alone(sandbox):
    """Five visits: the viewer's two functions run five times, the origin's two once

    That is the whole calculation at the edge. A window with 95 hits in a hundred pays twenty times as much for a line
    of code on the viewer's side as for the same line on the origin's.
    """
    functions = {
        event: arn.split(":")[6] for event, arn in zip(EVENTS, versions(sandbox, *EVENTS), strict=True)
    }
    put_pages(sandbox, "check-hits.html")
    before = runs(sandbox)
    for _ in range(5):
        expect_page(
            sandbox, "/check-hits.html", "the answer of the function that it names", Accept_Language="sv"
        )
    meanwhile = runs(sandbox) - before
    right = Counter()
    for event, name in functions.items():
        right[name] += 5 if event.startswith("viewer") else 1
    expect(
        {name: meanwhile[name] for name in right},
        wanted=dict(right),
        look_at="which function is at which event; and is the answer one that may be kept?",
    )


@pytest.mark.points(2)
def test_everybody_gets_their_page(sandbox):
    """Swedes read Swedish, all others English, and who has the cookie sees the new window

    The address in the browser stays the same; what the router changes is the origin's business. And it changes it once
    for each copy, not once for each visitor.
    """
    versions(sandbox, "viewer-request", "origin-request")
    put_pages(sandbox, "check-page.html")
    put_pages(sandbox, "index.html")
    visitors = [
        ("old en/check-page.html", "/check-page.html", {"Accept-Language": "en-AU"}),
        ("old sv/check-page.html", "/check-page.html", {"Accept-Language": "sv-SE,sv;q=0.9"}),
        ("new sv/check-page.html", "/check-page.html", {"Accept-Language": "sv", "Cookie": "window=new"}),
        ("new en/check-page.html", "/check-page.html", {"Cookie": "basket=7; window=new"}),
    ]
    invalidate(sandbox)
    for right, path, headers in [*visitors, ("old en/index.html", "/", {})]:
        look_at = f"the router: the path and the bucket for {path} with {headers or 'no headers of interest'}"
        _, text = expect_page(sandbox, path, look_at, **headers)
        expect_true(text == right, wanted=_page(right), got=_page(text), look_at=look_at)


def _page(text):
    """Say of a page of ours which one it is."""
    which, _, key = text.partition(" ")
    if which in BUCKETS:
        return f"the page {key} of the bucket {BUCKETS[which]}"
    return (
        f"the keeper's own page: {text[:100]}"
        if any(sorry in text for sorry in SORRY.values())
        else text[:200]
    )


def bucket_of(domain):
    """Return the bucket whose endpoint that is, with the Region in its name or without; else what was given."""
    named = (
        re.fullmatch(r"([a-z0-9-]+)\.s3(?:[.-]us-east-1)?\.amazonaws\.com", domain)
        if type(domain) is str
        else None
    )
    return named[1] if named else domain


def invalidate(sandbox):
    """Empty the cache of the window: the notebook has asked for / already."""
    batch = {"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": "check-everybody"}
    sandbox.client("cloudfront").create_invalidation(
        DistributionId=window(sandbox)["Id"], InvalidationBatch=batch
    )


@pytest.mark.points(3)
@pytest.mark.held
def test_router_finds_any_page(sandbox, seeded):
    """Any path, any of the four visitors: the right bucket, the right path, and a host header that says the same"""
    versions(sandbox, "origin-request")
    number = seeded.randrange(10**6)
    paths = ["/", f"/{number}.html", f"/tins/{number}/small.html", f"/sv/{number}.html", "/index.html"]
    visitors = [(language, which) for language in SORRY for which in BUCKETS]
    seeded.shuffle(visitors)
    for path, (language, which) in zip(paths, [*visitors, seeded.choice(visitors)], strict=True):
        headers = {
            "User-Agent": "Amazon CloudFront",
            "Via": "1.1 a1b2.cloudfront.net (CloudFront)",
            "X-Forwarded-For": "203.0.113.17",
            "X-Language": language,
            "X-Window": which,
        }
        look_at = f"the router, for {path} with x-language {language} and x-window {which}"
        request = request_of("origin-request", path, headers)
        answer = call(sandbox, "origin-request", look_at, request=request)
        origin = answer.get("origin")
        s3 = origin.get("s3") if type(origin) is dict else None
        expect_true(type(s3) is dict, wanted="a request with origin.s3", got=answer, look_at=look_at)
        folder, uri = s3.get("path") or "", answer.get("uri")
        page = "/index.html" if path == "/" else path
        host = values_of(answer).get("host")
        got = {"bucket": bucket_of(s3.get("domainName")), "path": f"{folder}{uri}", "host": bucket_of(host)}
        right = {"bucket": BUCKETS[which], "path": f"/{language}{page}", "host": BUCKETS[which]}
        if got["host"] != right["host"] and {**got, "host": right["host"]} == right:
            expect_true(
                False,
                wanted=f"the header host names the origin's bucket too: {s3['domainName']}",
                got=host,
                look_at=f"the header host, by which S3 knows whose page is meant; {look_at}",
            )
        expect(got, wanted=right, look_at=look_at)
    name = f"held-{number}.html"
    put_pages(sandbox, name)
    for language in SORRY:
        for which in BUCKETS:
            cookie = {"Cookie": f"window={which}"}
            _, text = expect_page(sandbox, f"/{name}", "the router", Accept_Language=language, **cookie)
            right = _page(f"{which} {language}/{name}")
            expect_true(_page(text) == right, wanted=right, got=_page(text), look_at="the router")


@pytest.mark.points(2)
def test_missing_page_says_so_nicely(sandbox):
    """Who asks for what is not there gets a page in their language, and still a 404

    A page that says sorry with status 200 would be kept as a good one, by caches and by search engines. And only the
    origin response could do it: the viewer response is left out for errors.
    """
    versions(sandbox, *EVENTS[:3])
    for language in ["sv", "en"]:
        status, headers, text = ask(sandbox, f"/check-missing-{language}.html", Accept_Language=language)
        said = f"{status}, {headers.get('x-cache')}: {' '.join(text.split())}"
        look_at = f"the keeper, for a page that is not there and a visitor with Accept-Language {language}"
        expect_no_fault("the status 404 and a page", status, headers, text)
        expect(status, wanted=404, look_at=f"the status, which stays as it came; {look_at}")
        expect_true(
            SORRY[language] in text, wanted=f"a page with: {SORRY[language]}", got=said, look_at=look_at
        )
        right = {"content-type": HTML, "cache-control": "max-age=60", **SAFE}
        expect_headers({name: headers.get(name) for name in right}, right, look_at)


@pytest.mark.points(3)
@pytest.mark.held
def test_keeper_changes_what_it_should_and_nothing_else(sandbox, seeded):
    """Good pages are kept for an hour unless they say otherwise, errors for a minute, and the rest goes on as it came"""
    versions(sandbox, "origin-response")
    own = f"max-age={seeded.randint(2, 3_000)}, public"
    etag = f'"{seeded.randrange(16**8):08x}"'
    cases = [
        ("200", {"Content-Type": "image/jpeg"}, {"cache-control": "max-age=3600"}),
        ("200", {"Content-Type": "text/css", "Cache-Control": own}, {"cache-control": own}),
        ("403", {"Content-Type": "application/xml"}, {"cache-control": "max-age=60", "content-type": HTML}),
        ("404", {"Content-Type": "application/xml"}, {"cache-control": "max-age=60", "content-type": HTML}),
        ("304", {}, {}),
        ("503", {"Content-Type": "text/plain", "Retry-After": "7"}, {}),
    ]
    seeded.shuffle(cases)
    for status, headers, changed in cases:
        language = seeded.choice(list(SORRY))
        came = {"ETag": etag, "Server": "AmazonS3", **headers}
        forwarded = {"X-Language": language, "X-Window": seeded.choice(list(BUCKETS))}
        request = request_of("origin-response", f"/{language}/{seeded.randrange(10**6)}.html", forwarded)
        shown = {name.lower(): [{"key": name, "value": value}] for name, value in came.items()}
        response = {"status": status, "statusDescription": "", "headers": shown}
        look_at = f"the keeper, for an answer with status {status} and the headers {came}"
        answer = call(sandbox, "origin-response", look_at, request=request, response=response)
        right = {name.lower(): value for name, value in came.items()} | changed | SAFE
        expect(str(answer.get("status")), wanted=status, look_at=f"the status, which stays; {look_at}")
        expect_headers(values_of(answer), right, look_at)
        body = body_of(answer)
        if status in ("403", "404"):
            good = type(body) is str and SORRY[language] in body
            expect_true(good, wanted=f"a body with: {SORRY[language]}", got=body, look_at=look_at)
        else:
            expect_true(body is None, wanted="no body: the origin's is left", got=body, look_at=look_at)
