from lambda_sandbox.telemetry.meters import duration_usd, gb_seconds
from lambda_sandbox.telemetry.prices import Prices

# --8<-- [start:prices]
prices = Prices.load("us-east-1")
ONE_VCPU_MB = 1769  # the memory at which a function has one vCPU
HOURS = 730  # of a month
CALL_S = 0.1  # of computing on one vCPU

a_call = prices.request_usd + duration_usd(
    gb_seconds(ONE_VCPU_MB, CALL_S), prices
)
a_task = HOURS * (
    1 * 0.04048 + 2 * 0.004445
)  # Fargate: 1 vCPU and 2 GB, always on
# --8<-- [end:prices]

# --8<-- [start:table]
most = HOURS * 3600 / CALL_S  # calls that one vCPU can compute in a month
print("busy    calls a month    Lambda   Fargate")
for busy in (0.01, 0.05, 0.20, 0.50, 0.80):
    calls = busy * most
    print(f"{busy:4.0%} {calls:>16,.0f} {calls * a_call:>9.2f} {a_task:>9.2f}")
print(f"equal at {a_task / (most * a_call):.0%}")
# --8<-- [end:table]
