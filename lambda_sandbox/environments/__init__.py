"""Real processes: spawn, isolation, limits, and the runtimes that run inside."""
