from lambda_sandbox.telemetry.meters import (
    Usage,
    charges,
    gb_seconds,
    total_usd,
)
from lambda_sandbox.telemetry.prices import Prices

prices = Prices.load("us-east-1")


# --8<-- [start:show]
def show(title, usage, free_tier):
    print(title)
    for line in charges(usage, prices, free_tier):
        print(
            f"  {line.meter:<44} {line.quantity:>10,.0f}  free {line.free:>9,.0f} {line.usd:>6.2f}"
        )
    print(f"  total {total_usd(charges(usage, prices, free_tier)):.2f} USD\n")


# --8<-- [end:show]

# --8<-- [start:month]
CALLS, COLD = 12_000_000, 60_000
MEMORY_MB, WARM_MS, INIT_MS = 1024, 95, 400

work = gb_seconds(MEMORY_MB, CALLS * WARM_MS / 1000)
starts = gb_seconds(MEMORY_MB, COLD * INIT_MS / 1000)
FREE = prices.free_tier
show("a month of quotes", Usage(CALLS, {"x86_64": work + starts}), FREE)
# --8<-- [end:month]

# --8<-- [start:arm]
show("the same on arm64", Usage(CALLS, {"arm64": work + starts}), FREE)
# --8<-- [end:arm]

# --8<-- [start:ready]
hours = 8 * 30
ready = gb_seconds(MEMORY_MB, 5 * hours * 3600)
ran = work * 0.8  # what of the work found one of the five
usage = Usage(
    CALLS,
    {"x86_64": work - ran},
    reserved_gb_seconds={"x86_64": ready},
    provisioned_gb_seconds={"x86_64": ran},
)
show("with five environments kept ready in office hours", usage, FREE)
# --8<-- [end:ready]
