"""One run of the sandbox's simulation, in a process of its own like its peer's. Arguments: those of ``simfaas_run``."""

import json
import sys
import time

from lambda_sandbox.simulation.durations import Exponential
from lambda_sandbox.simulation.outcome import simulate
from lambda_sandbox.simulation.scenario import Scenario
from lambda_sandbox.simulation.traffic import Poisson


def main(rate: float, warm_s: float, cold_s: float, keep_alive_s: float, traffic_s: float) -> None:
    scenario = Scenario(
        Poisson(rate),
        Exponential(warm_s * 1000.0),
        Exponential((cold_s - warm_s) * 1000.0),
        duration_s=traffic_s,
        keep_alive_s=keep_alive_s,
        timeout_s=900,
    )
    wall, processor = time.perf_counter(), time.process_time()
    figures = simulate(scenario).to_json()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(
        json.dumps(
            {
                "requests": figures["invocations"],
                "cold_start_share": figures["cold_start_share"],
                "concurrency_mean": figures["concurrency"]["mean"],
                "wall_s": wall,
                "processor_s": processor,
            }
        )
    )


if __name__ == "__main__":
    main(*map(float, sys.argv[1:6]))
