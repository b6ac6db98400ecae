"""``python -m benchmarks.campaigns kill|fuzz|attack|faults --n N --seed S``: prints tried and held as JSON; the exit
status is 1 where anything was broken.
"""

import argparse
import importlib
import json
import time

CAMPAIGNS = ("kill", "fuzz", "attack", "faults")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.campaigns", description=__doc__)
    parser.add_argument("campaign", choices=CAMPAIGNS)
    parser.add_argument("--n", type=int, default=20, help="number of trials. Default: 20.")
    parser.add_argument("--seed", type=int, default=0, help="what is tried follows from it. Default: 0.")
    given = parser.parse_args()
    began = time.monotonic()
    tally = importlib.import_module(f"benchmarks.campaigns.{given.campaign}").campaign(given.n, given.seed)
    print(json.dumps({**tally.content, "seed": given.seed, "seconds": round(time.monotonic() - began)}, indent=1))
    return 1 if tally.broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
