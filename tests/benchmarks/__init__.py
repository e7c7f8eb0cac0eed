"""Speed and quality, measured: `python -m tests.benchmarks NAME [--json]`."""
