"""What lab 21 asks for: orders and stock that change together, on a connection that is kept and mended, behind a brake."""

from __future__ import annotations

import importlib.metadata
import json
import time
import weakref

import pytest
from botocore.exceptions import ClientError

from autograder.checks import expect, expect_true, wanted
from autograder.checks_asking import configuration_of, expect_guesses, expect_observed, require_function

ORDER, INSTANCE, SECRET = "cloudberry-order", "cloudberry", "cloudberry/database"
MOST_ENVIRONMENTS = 3  # of four connections, one is the bookkeeper's
APP_LOOK_AT = "the handler in work/order/app.py, and what sandbox.logs('cloudberry-order') says"
# The grader's own way to the tables: with its own library, whatever the learner's layer holds, and with PostgreSQL's own
# views and functions, whatever stands before them in the search path of the database or the user. It waits for no lock.
PROBE_SOURCE = """
import pg8000.native


def handler(event, context):
    known = event["secret"]
    try:
        connection = pg8000.native.Connection(
            known["username"],
            password=known["password"],
            host=known["host"],
            port=known["port"],
            database=known["dbname"],
            application_name="probe",
            timeout=15,
        )
        try:
            connection.run("SET search_path = pg_catalog, public, pg_temp")
            connection.run("SET lock_timeout = 4000")
            return {"rows": [connection.run(each, **event["values"]) for each in event["statements"]]}
        finally:
            connection.close()
    except pg8000.native.DatabaseError as error:
        return {"code": error.args[0]["C"], "said": error.args[0]["M"]}
"""
# PostgreSQL's code to where the reason is likely to be found.
REASONS = {
    "28P01": "the secret and the password of the database: both have to change together",
    "3D000": "dbname in the secret, and DBName of the database",
    "42P01": "the cell that makes the tables",
    "42703": "the cell that makes the tables: the names of the columns",
    "53300": "too many connections: is there anything that holds on to them?",
    "55P03": "a transaction that was begun and not ended holds on to the rows: COMMIT, or ROLLBACK",
}
LIBRARIES = ("pg8000", "scramp", "asn1crypto", "python-dateutil", "six")
SESSIONS = (
    "SELECT pid FROM pg_catalog.pg_stat_activity WHERE usename = current_user AND application_name <> 'probe'"
)
# How many connections there have ever been; nothing before PostgreSQL 14.
EVER = "SELECT to_jsonb(d) ->> 'sessions' FROM pg_catalog.pg_stat_database AS d WHERE datname = current_database()"
probes = weakref.WeakKeyDictionary()


def probe_files():
    """Return the probe's package: its source and the library, from where the grader is installed."""
    files = {"app.py": PROBE_SOURCE}
    for library in LIBRARIES:
        for path in importlib.metadata.distribution(library).files:
            if path.suffix == ".py" or path.name in ("METADATA", "RECORD"):
                files[str(path)] = path.read_text("utf-8")
    return {name: text for name, text in files.items() if ".." not in name}


def secret_of(sandbox):
    """Return what the secret holds; raises CheckFailed if there is none, or the database is gone."""
    look_at = "the cell that makes the database and its secret: run it again"
    try:
        text = sandbox.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"]
        known = json.loads(text)
        found = sandbox.client("rds").describe_db_instances(DBInstanceIdentifier=INSTANCE)["DBInstances"][0]
    except (ClientError, ValueError, KeyError):
        wanted(f"a database {INSTANCE} and a secret {SECRET}", "one of them is not there", look_at)
    expect_true(
        type(known) is dict and {"username", "password", "dbname"} <= set(known),
        wanted="a secret with username, password, host, port and dbname",
        got="something else",
        look_at=look_at,
    )
    # The address is RDS's word, not the secret's.
    return {**known, "host": found["Endpoint"]["Address"], "port": found["Endpoint"]["Port"]}


def sql(sandbox, *statements, **values):
    """Run statements by the grader's own function; return the rows of each."""
    known = secret_of(sandbox)
    if sandbox not in probes:
        probes[sandbox] = f"probe-{time.monotonic_ns()}"
        sandbox.deploy(probes[sandbox], probe_files(), MemorySize=512, Timeout=20)
    event = {"secret": known, "statements": statements, "values": values}
    result = sandbox.invoke(probes[sandbox], event)
    found = result.payload if type(result.payload) is dict else {}
    if "rows" not in found:
        code = found.get("code")
        got = (
            f"{code}: {found.get('said')}"
            if code
            else f"{found.get('errorType')}: {found.get('errorMessage')}"
        )
        look_at = REASONS.get(code, "the cells that make the database, its secret and the tables")
        wanted("a database that answers the grader, with the tables stock and orders", got, look_at)
    return found["rows"]


def stock_up(sandbox, **pieces):
    """Put so many pieces of each sku into the stock."""
    for sku, count in pieces.items():
        sql(
            sandbox,
            "INSERT INTO stock (sku, pieces) VALUES (:sku, :pieces) ON CONFLICT (sku) DO UPDATE SET pieces = :pieces",
            sku=sku,
            pieces=count,
        )


def left(sandbox, *skus):
    """Return the pieces of these skus; what is not there is None."""
    (rows,) = sql(sandbox, "SELECT sku, pieces FROM stock")
    found = dict(rows)
    return {sku: found.get(sku) for sku in skus}


def orders_of(sandbox, prefix):
    """Return the orders whose id begins so, sorted."""
    (rows,) = sql(
        sandbox,
        "SELECT order_id, customer, sku, pieces FROM orders WHERE starts_with(order_id, :prefix) ORDER BY order_id",
        prefix=prefix,
    )
    return rows


def place(sandbox, order_id, customer, sku, pieces):
    """Send an order; return the function's result as it is."""
    require_function(sandbox, ORDER)
    event = {"order_id": order_id, "customer": customer, "sku": sku, "pieces": pieces}
    return event, sandbox.invoke(ORDER, event)


def expect_status(sandbox, order_id, customer, sku, pieces, status, look_at):
    """Fail the check unless an order is answered with this status."""
    event, result = place(sandbox, order_id, customer, sku, pieces)
    if result.function_error is not None:
        error = result.payload if type(result.payload) is dict else {}
        got = f"{error.get('errorType')}: {error.get('errorMessage')}"
        wanted(f"{status!r} as the answer to {json.dumps(event)}", got, look_at)
    expect(result.payload, wanted={"order_id": order_id, "status": status}, look_at=look_at)


def new_environment(sandbox):
    """Have the next order find an environment that has just been started, whatever state others are in.

    Returns something that no other check has, for ids and skus.
    """
    require_function(sandbox, ORDER)
    functions = sandbox.client("lambda")
    run = str(time.monotonic_ns())
    functions.update_function_configuration(FunctionName=ORDER, Description=f"Asked {run}")
    functions.get_waiter("function_updated_v2").wait(FunctionName=ORDER)
    return run


@pytest.mark.points(1)
def test_predictions_are_written_down(submission):
    """You guessed before you looked

    A guess that is written down shows afterwards what you believed and the machine did not, and that is
    what stays.
    """
    expect_guesses(
        submission.literal("predict-1"),
        {"connections_for_a_hundred_calls": int, "one_too_many_gets": str, "works_after_a_restart": bool},
    )


@pytest.mark.points(2)
def test_observations_are_right(submission):
    """You wrote down what a dead connection does, how many doors there are, and what a mean text finds

    All three are quiet until a day with many customers. Then it is good to have seen them before.
    """
    right = [
        ("error_after_the_restart", "InterfaceError", "the three lines after reboot_db_instance"),
        ("calling_again_helped", False, "the second and the third of those lines"),
        ("inside_without_a_brake", 4, "the crowd without a brake: count the lines 'inside'"),
        ("code_of_the_refusal", "53300", "the crowd without a brake: what follows the word FATAL"),
        ("rows_for_the_mean_text", 4, "the second line under 'What customers write'"),
    ]
    expect_observed(submission.literal("observed"), right)


@pytest.mark.points(2)
def test_order_and_stock_change_together(sandbox):
    """An order that is taken is a row, and so many pieces fewer

    Two statements in one transaction are one change: whoever looks in between sees neither.
    """
    run = new_environment(sandbox)
    sku = f"jam-{run}"
    stock_up(sandbox, **{sku: 10})
    expect_status(sandbox, f"{run}-a", "Ida", sku, 3, "taken", APP_LOOK_AT)
    expect_status(sandbox, f"{run}-b", "Pelle", sku, 7, "taken", f"the last pieces, too: {APP_LOOK_AT}")
    expect(
        orders_of(sandbox, run),
        wanted=[[f"{run}-a", "Ida", sku, 3], [f"{run}-b", "Pelle", sku, 7]],
        look_at="the INSERT, and COMMIT at the end of together: without it nobody else sees the row",
    )
    expect(left(sandbox, sku), wanted={sku: 0}, look_at="the UPDATE of the stock, and COMMIT")


@pytest.mark.points(1)
def test_sold_out_leaves_nothing(sandbox):
    """An order for more than there is changes nothing

    The row of the order was there already, for a moment, inside the transaction. ROLLBACK means that it never was.
    """
    run = new_environment(sandbox)
    sku = f"honey-{run}"
    stock_up(sandbox, **{sku: 3})
    look_at = "an exception of your own inside work, so that together rolls back, and caught outside"
    expect_status(sandbox, f"{run}-a", "Ida", sku, 4, "sold out", look_at)
    expect_status(sandbox, f"{run}-b", "Ida", f"none-{run}", 1, "sold out", f"no such sku; {look_at}")
    expect({"orders": orders_of(sandbox, run)}, wanted={"orders": []}, look_at=look_at)
    expect(left(sandbox, sku), wanted={sku: 3}, look_at=look_at)
    expect_status(
        sandbox, f"{run}-a", "Ida", sku, 3, "taken", "an order that was sold out may come again, smaller"
    )


@pytest.mark.points(1)
def test_the_same_order_twice_counts_once(sandbox):
    """An order that comes again is known, and takes nothing

    Callers and services repeat what they are not sure of. The primary key is the memory that outlives every environment.
    """
    run = new_environment(sandbox)
    sku = f"tea-{run}"
    stock_up(sandbox, **{sku: 10})
    look_at = "INSERT … ON CONFLICT (order_id) DO NOTHING, and row_count right after it"
    expect_status(sandbox, run, "Ida", sku, 4, "taken", look_at)
    expect_status(sandbox, run, "Ida", sku, 4, "known", look_at)
    expect_status(sandbox, run, "Pelle", sku, 99, "known", f"with more pieces than there are; {look_at}")
    expect(orders_of(sandbox, run), wanted=[[run, "Ida", sku, 4]], look_at=look_at)
    expect(left(sandbox, sku), wanted={sku: 6}, look_at=look_at)


@pytest.mark.points(2)
def test_an_environment_has_one_connection(sandbox):
    """Four orders, one after the other, go over one and the same connection

    A connection costs as much as many orders, and a process of the database.
    """
    run = new_environment(sandbox)
    sku = f"juice-{run}"
    stock_up(sandbox, **{sku: 10})
    before, ((ever_before,),) = sql(sandbox, SESSIONS, EVER)
    seen = []
    for count in range(4):
        expect_status(sandbox, f"{run}-{count}", "Ida", sku, 1, "taken", APP_LOOK_AT)
        now, ((ever,),) = sql(sandbox, SESSIONS, EVER)
        seen.append(sorted(pid for pid in now if pid not in before))
    look_at = "gap 2: global _connection, made only if it is None, and not closed"
    expect_true(
        all(seen),
        wanted="a connection that is still there after the call",
        got="after the call there is none",
        look_at=look_at,
    )
    expect(
        {"connections": len({pid for each in seen for (pid,) in each}), "alike": seen[0] == seen[-1]},
        wanted={"connections": 1, "alike": True},
        look_at=look_at,
    )
    # Beside the one there are those of the four looks, and the look before may not have been counted yet.
    made = 0 if ever is None else int(ever) - int(ever_before)
    expect_true(
        made <= 1 + 4 + 1,
        wanted="no connection more, opened and closed again",
        got=f"{made - 4} connections for four orders",
        look_at=look_at,
    )


@pytest.mark.points(2)
def test_a_dead_connection_is_mended(sandbox):
    """After a restart, and after somebody hung up, the next order is taken as if nothing had been

    What is kept dies some day. The learner of it is the next customer, unless the function is.
    """
    run = new_environment(sandbox)
    sku = f"milk-{run}"
    stock_up(sandbox, **{sku: 10})
    expect_status(sandbox, f"{run}-0", "Ida", sku, 1, "taken", APP_LOOK_AT)
    look_at = "gap 3: except InterfaceError, then forget(), then the whole once more on connection()"
    sandbox.client("rds").reboot_db_instance(DBInstanceIdentifier=INSTANCE)
    expect_status(sandbox, f"{run}-1", "Ida", sku, 1, "taken", f"the database was restarted; {look_at}")
    sql(sandbox, f"SELECT pg_terminate_backend(pid) FROM ({SESSIONS}) AS others")
    expect_status(sandbox, f"{run}-2", "Ida", sku, 1, "taken", f"the connection was ended; {look_at}")
    expect(left(sandbox, sku), wanted={sku: 7}, look_at=f"each order is to count once; {look_at}")


@pytest.mark.points(1)
def test_there_is_a_brake(sandbox):
    """cloudberry-order can never have more environments than there are connections for it

    The database cannot slow Lambda down, it can only turn environments away.
    """
    configuration_of(sandbox, ORDER)
    found = sandbox.client("lambda").get_function_concurrency(FunctionName=ORDER)
    reserved = found.get("ReservedConcurrentExecutions")
    expect_true(
        type(reserved) is int and reserved == MOST_ENVIRONMENTS,
        wanted="a reserved concurrency that leaves the bookkeeper one connection of those that the shop may have, and the "
        "function all others",
        got="there is none" if reserved is None else reserved,
        look_at="put_function_concurrency; and max_connections less what is kept for RDS itself, in the output of the crowd",
    )


@pytest.mark.points(2)
def test_words_are_only_words(sandbox, seeded):
    """Whatever stands in an order is a value, and arrives as it was written

    A value that is sent beside the statement cannot become a part of it, whatever it says. That is the whole cure.
    """
    run, sku = new_environment(sandbox), f'o\'jam "{seeded.randrange(10**6)}" :pieces %s $1'
    words = [
        "Robert'); DROP TABLE orders; --",
        f"Ida', 'tea', {seeded.randint(1, 9)}), ('x', 'y', 'tea', 1); --",
        "50 % \\' \\\\ :sku :customer %(sku)s {0} $1",
        "Åsa Öberg 🫐",
        "' OR '1'='1",
    ]
    seeded.shuffle(words)
    stock_up(sandbox, **{sku: 100})
    look_at = "values as parameters, :customer and customer=…, with no f-string, % or + in a statement"
    for place_, each in enumerate(words):
        expect_status(sandbox, f"{run}'-{place_}", each, sku, 2, "taken", look_at)
    right = [[f"{run}'-{place_}", each, sku, 2] for place_, each in enumerate(words)]
    expect(orders_of(sandbox, run), wanted=right, look_at=look_at)
    (before,) = sql(sandbox, "SELECT sum(pieces), count(*) FROM stock")
    mean = f"{sku}' OR sku <> '{run}"
    expect_status(sandbox, f"{run}-mean", "Eve", mean, 1, "sold out", f"there is no such sku; {look_at}")
    (after,) = sql(sandbox, "SELECT sum(pieces), count(*) FROM stock")
    expect({"stock": after}, wanted={"stock": before}, look_at=look_at)


@pytest.mark.points(2)
@pytest.mark.held
def test_a_failed_order_harms_nobody(sandbox, seeded):
    """What PostgreSQL refuses is an error, changes nothing, and leaves a clean connection to the next order"""
    run = new_environment(sandbox)
    sku = f"salt-{run}"
    stock_up(sandbox, **{sku: 20})
    look_at = "gap 3: ROLLBACK in except, and then raise; on the very connection that the next order gets"
    bad = [0, -seeded.randint(1, 5), -(10**6)]
    seeded.shuffle(bad)
    for place_, pieces in enumerate(bad):
        event, result = place(sandbox, f"{run}-bad-{place_}", "Eve", sku, pieces)
        expect_true(
            result.function_error is not None,
            wanted=f"an error of the function for {json.dumps(event)}",
            got=result.payload,
            look_at="the exception of PostgreSQL: together rolls back and raises it, and the handler lets it go",
        )
        expect_status(sandbox, f"{run}-good-{place_}", "Ida", sku, 2, "taken", look_at)
        # Seen from outside: a change that waits for its COMMIT is none.
        expect(left(sandbox, sku), wanted={sku: 18 - 2 * place_}, look_at=look_at)
    right = [[f"{run}-good-{place_}", "Ida", sku, 2] for place_ in range(3)]
    expect(orders_of(sandbox, run), wanted=right, look_at=look_at)


@pytest.mark.points(3)
@pytest.mark.held
def test_any_day_of_orders_adds_up(sandbox, seeded):
    """A day of orders, some repeated and some too large, ends with the right rows and the right stock"""
    run = new_environment(sandbox)
    stock = {f"{name}-{run}": seeded.randint(3, 12) for name in ("berry", "cloud", "moss")}
    stock_up(sandbox, **stock)
    look_at = "one transaction an order; known before sold out; and nothing that an environment remembers about orders"
    taken = {}
    for count in range(14):
        again = taken and seeded.random() < 0.3
        order_id = seeded.choice(sorted(taken)) if again else f"{run}-{count:02d}"
        sku, pieces = seeded.choice([*stock, f"none-{run}"]), seeded.randint(1, 6)
        if order_id in taken:
            status = "known"
        elif stock.get(sku, 0) >= pieces:
            status = "taken"
            stock[sku] -= pieces
            taken[order_id] = [order_id, f"Customer {count}", sku, pieces]
        else:
            status = "sold out"
        expect_status(sandbox, order_id, f"Customer {count}", sku, pieces, status, look_at)
    expect(orders_of(sandbox, run), wanted=[taken[each] for each in sorted(taken)], look_at=look_at)
    expect(left(sandbox, *stock), wanted=stock, look_at=look_at)


@pytest.mark.points(2)
def test_the_password_is_asked_for_once(sandbox, seeded):
    """The password comes from Secrets Manager: a new one is enough, and it is asked for once an environment

    What stands in code or in variables is changed by a deployment; what stands in the vault is changed there. To ask
    once an environment keeps it quick and cheap.
    """
    require_function(sandbox, ORDER)
    fresh = "".join(seeded.choice("abcdefghkmnpqrstuvwxyz23456789") for _ in range(24))
    known = {**secret_of(sandbox), "password": fresh}
    sandbox.client("rds").modify_db_instance(
        DBInstanceIdentifier=INSTANCE, MasterUserPassword=fresh, ApplyImmediately=True
    )
    sandbox.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=json.dumps(known))
    run = new_environment(sandbox)
    sku = f"oat-{run}"
    stock_up(sandbox, **{sku: 10})
    look_at = "gap 1: get_secret_value of what os.environ['SECRET'] names, kept in _secret; no password in code or variables"
    for count in range(3):
        expect_status(sandbox, f"{run}-{count}", "Ida", sku, 1, "taken", f"a new password; {look_at}")
    asked = asked_secrets(sandbox)
    for count in range(3, 6):
        expect_status(sandbox, f"{run}-{count}", "Ida", sku, 1, "taken", look_at)
    expect(
        {"asked again": asked_secrets(sandbox) - asked, "asked at all": asked > 0},
        wanted={"asked again": 0, "asked at all": True},
        look_at=look_at,
    )


def asked_secrets(sandbox):
    """Return how often cloudberry-order has asked Secrets Manager."""
    calls = sandbox.history()["calls"]
    return sum(row["function_name"] == ORDER and row["service"] == "secretsmanager" for row in calls)
