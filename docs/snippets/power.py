from lambda_sandbox.telemetry.meters import duration_usd, gb_seconds
from lambda_sandbox.telemetry.prices import Prices

prices = Prices.load("us-east-1")
SIZES = (128, 256, 512, 1024, 1769, 3008)


# --8<-- [start:model]
def call_ms(memory_mb, computes_ms, waits_ms):
    """One thread: more than one vCPU, at 1,769 MB, does not help it."""
    return waits_ms + computes_ms / min(1, memory_mb / 1769)


def table(title, computes_ms, waits_ms):
    print(title)
    for size in SIZES:
        ms = call_ms(size, computes_ms, waits_ms)
        usd = duration_usd(gb_seconds(size, ms / 1000), prices) * 1_000_000
        print(f"  {size:>5} MB {ms:>7.0f} ms {usd:>6.2f} USD a million")


# --8<-- [end:model]

# --8<-- [start:three]
table("computes 200 ms", 200, 0)
table("computes 40 ms, waits 160 ms", 40, 160)
table("waits 200 ms", 2, 198)
# --8<-- [end:three]
