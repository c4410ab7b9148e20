"""What a front door makes of an HTTP request, and of a function's answer: pure, no I/O. ``drivers/`` serves it."""
