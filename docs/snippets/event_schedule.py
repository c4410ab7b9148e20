import json
import time
from datetime import UTC, datetime, timedelta

import boto3

from lambda_sandbox import connect

sandbox = connect()


def printed(function, lines=1):
    """Wait until the function has printed so many lines of its own, and return them."""
    while True:
        own = [
            line
            for line in sandbox.logs(function)
            if not line.startswith(("START", "END", "REPORT", "INIT_"))
        ]
        if len(own) >= lines:
            return own
        time.sleep(0.05)


CODE = """
def handler(event, context):
    print(f"woken with {event}")
"""
function = sandbox.deploy(CODE, FunctionName="cloudberry-newsletter")

# --8<-- [start:schedule]
scheduler = boto3.client("scheduler")
soon = datetime.now(UTC) + timedelta(seconds=1)
scheduler.create_schedule(
    Name="newsletter",
    ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})",
    ScheduleExpressionTimezone="UTC",
    FlexibleTimeWindow={"Mode": "OFF"},
    ActionAfterCompletion="DELETE",
    Target={
        "Arn": function.arn,
        # Scheduler takes a role, no permission
        "RoleArn": "arn:aws:iam::000000000000:role/scheduler",
        "Input": json.dumps({"issue": 12}),
    },
)
print("\n".join(printed("cloudberry-newsletter")))
print("schedules left:", len(scheduler.list_schedules()["Schedules"]))
# --8<-- [end:schedule]
