"""A local AWS Lambda: the real protocol, enforced limits, an honest bill, and the reason for every decision."""

__version__ = "0.1.0"
