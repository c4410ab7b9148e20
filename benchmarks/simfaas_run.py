"""One run of SimFaaS, for its own interpreter: this file imports nothing of the sandbox.

Arguments: callers a second, mean handler seconds, mean seconds of an invocation that starts cold, keep-alive seconds,
seconds of traffic.
"""

import json
import sys
import time

from simfaas.ServerlessSimulator import ServerlessSimulator


def main(rate: float, warm_s: float, cold_s: float, keep_alive_s: float, traffic_s: float) -> None:
    simulator = ServerlessSimulator(
        arrival_rate=rate,
        warm_service_rate=1.0 / warm_s,
        cold_service_rate=1.0 / cold_s,
        expiration_threshold=keep_alive_s,
        max_time=traffic_s,
    )
    wall, processor = time.perf_counter(), time.process_time()
    simulator.generate_trace(debug_print=False, progress=False)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(
        json.dumps(
            {
                "requests": simulator.total_req_count,
                "cold_start_share": simulator.get_cold_start_prob(),
                "concurrency_mean": float(simulator.get_average_server_running_count()),
                "wall_s": wall,
                "processor_s": processor,
            }
        )
    )


if __name__ == "__main__":
    main(*map(float, sys.argv[1:6]))
