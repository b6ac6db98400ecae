"""Speed and quality, run by hand: ``python -m benchmarks.NAME``. Results stand in README.md."""
