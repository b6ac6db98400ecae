"""``scapp`` and ``python -m scapp``."""

import os

# Threads that spin while they wait starve every other process; this must be said before OpenMP loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from scapp.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
