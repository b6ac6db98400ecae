"""What a process of its own may be made to do by a file."""

import os
import resource
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil


def limits(root: str, run_id: str) -> dict[str, Any]:
    return {
        "temporary": tempfile.mkdtemp(),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "cores": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "seconds": resource.getrlimit(resource.RLIMIT_CPU)[0],
        "memory": resource.getrlimit(resource.RLIMIT_AS)[1],
        "pid": os.getpid(),
    }


def crash(root: str, run_id: str) -> dict[str, Any]:
    (Path(tempfile.mkdtemp()) / "unpacked").write_bytes(b"left behind")
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def sleep(root: str, run_id: str) -> dict[str, Any]:
    time.sleep(600)
    return {}


def fill_the_memory(root: str, run_id: str) -> dict[str, Any]:
    try:
        np.ones(psutil.virtual_memory().total, dtype=np.float64)
    except MemoryError:
        return {"refused": True}
    return {"refused": False}
