"""A process that commits to a dataset without end, to be killed: python -m tests.workspace.datasets.writer ROOT ID
SLOT.
"""

import itertools
import sys

import numpy as np

from scapp.workspace.datasets.staging import new_provenance
from scapp.workspace.datasets.store import Workspace


def main() -> None:
    root, dataset, slot = sys.argv[1:]
    workspace = Workspace(root)
    for number in itertools.count(1):
        values = {slot: np.full(1000, number), f"{slot}_twin": np.full(1000, number)}
        workspace.commit(dataset, values, provenance=new_provenance("test"))
        print(number, flush=True)


if __name__ == "__main__":
    main()
