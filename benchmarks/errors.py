"""What ends a run."""


class BenchmarkError(Exception):
    """The run cannot start, or what it measured cannot be trusted; the message says why."""
