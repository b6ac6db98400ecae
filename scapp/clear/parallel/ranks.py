"""Starting the other processes that train together, and ending them."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from scapp.clear.config import ClearConfig
from scapp.clear.parallel.exchange import Together
from scapp.clear.training.cells import Cells, load_cells, save_cells
from scapp.clear.training.effective_sizes import effective_sizes
from scapp.clear.training.loop import Training
from scapp.core.errors import ConfigError, RunError
from scapp.core.installation import IMPORTED_FROM
from scapp.core.processes import end_with_parent
from scapp.core.step_context import QuietContext, StepContext, StepStopped

LEAST_PART = 512
PART = "part.json"
SILENCE = timedelta(minutes=10)


@contextmanager
def joined_by(
    cells: Cells, config: ClearConfig, context: StepContext, *, device: str, processes: int
) -> Iterator[tuple[torch.device, Together]]:
    """Start all processes but this one, which is the first; they end with the block.

    Yields
    ------
    This process's device, and its place among the others.

    Raises
    ------
    ConfigError
        More processes than GPUs, or than cells in a step.
    RunError
        One of them died: with its own words, where it had any.
    """
    _check(config, cells.n_cells, device, processes)
    threads = torch.get_num_threads()
    each = max(threads // processes, 1)
    with tempfile.TemporaryDirectory(prefix="scapp-") as name:
        folder = Path(name)
        save_cells(cells, folder)
        checkpoint = context.latest_checkpoint()
        part = {
            "config": config.model_dump(mode="json"),
            "device": device,
            "processes": processes,
            "threads": each,
            "checkpoint": None if checkpoint is None else str(checkpoint.resolve()),
        }
        (folder / PART).write_text(json.dumps(part))
        others = [_start(folder, rank) for rank in range(1, processes)]
        if device == "cpu":
            torch.set_num_threads(each)
        try:
            own = _device(device, 0)
            yield own, _meet(folder, 0, processes, own)
        except RuntimeError as error:
            # gloo and NCCL say only that a connection was closed
            reason = _why(folder, others)
            if reason is None:
                raise
            raise RunError(reason, hint="Resume, with fewer processes where memory is short.") from error
        finally:
            for process in others:
                process.kill()
                process.wait()
            if dist.is_initialized():
                dist.destroy_process_group()
            torch.set_num_threads(threads)


def _start(folder: Path, rank: int) -> "subprocess.Popen[bytes]":
    # not multiprocessing: that imports the user's own script once more
    paths = [str(IMPORTED_FROM), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "scapp.clear.parallel.ranks", str(folder), str(rank)]
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)


def choose_processes(device: str, config: ClearConfig, n_cells: int) -> int:
    """One; on several GPUs as many as there are, but none for fewer than so many cells of a step that it would wait for
    the others.
    """
    if not device.startswith("cuda"):
        return 1
    batch, _ = effective_sizes(config, n_cells)
    return max(min(torch.cuda.device_count(), batch // LEAST_PART), 1)


def _check(config: ClearConfig, n_cells: int, device: str, processes: int) -> None:
    if device.startswith("cuda") and processes > torch.cuda.device_count():
        raise ConfigError(
            f"{processes} processes need as many GPUs; found {torch.cuda.device_count()}.",
            hint="Ask for fewer processes, or for the device 'cpu'.",
        )
    if device == "mps":
        raise ConfigError("Several processes cannot share an Apple GPU.", hint="Leave out the number of processes.")
    batch, _ = effective_sizes(config, n_cells)
    if processes > batch // 2:
        raise ConfigError(
            f"{processes} processes would share steps of {batch} cells.",
            hint=f"Ask for {max(batch // 2, 1)} processes or fewer, or for more cells per step.",
        )


def _device(device: str, rank: int) -> torch.device:
    return torch.device("cuda", rank) if device.startswith("cuda") else torch.device(device)


def _meet(folder: Path, rank: int, processes: int, device: torch.device) -> Together:
    """Wait for all processes."""
    store = dist.FileStore(str(folder / "meeting"), processes)
    backend = "nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group(backend, store=store, rank=rank, world_size=processes, timeout=SILENCE)
    control = dist.new_group(backend="gloo") if backend == "nccl" else None
    return Together(rank, processes, control)


def take_part(folder: Path, rank: int) -> None:
    """Train as one of several."""
    end_with_parent()
    part = json.loads((folder / PART).read_text())
    torch.set_num_threads(part["threads"])
    device = _device(part["device"], rank)
    try:
        together = _meet(folder, rank, part["processes"], device)
        training = Training(load_cells(folder), ClearConfig.model_validate(part["config"]), device, together)
        if part["checkpoint"] is not None:
            training.restore(Path(part["checkpoint"]))
        training.run(QuietContext())
    except StepStopped:
        return
    except Exception as error:  # told by the first process, which sees a closed connection
        (folder / f"died-{rank}").write_text(f"{type(error).__name__}: {error}")
        raise


def _why(folder: Path, others: "list[subprocess.Popen[bytes]]") -> str | None:
    """Why one of the others died; None where all live."""
    time.sleep(1)  # the dying one may still be writing
    n_processes = len(others) + 1
    for rank, process in enumerate(others, start=1):
        said = folder / f"died-{rank}"
        if process.poll() is not None and not said.exists():
            return f"Process {rank + 1} of {n_processes} ended unexpectedly (exit code {process.returncode})."
        # those that only saw another one go are not the cause
        if said.exists() and "onnection closed" not in said.read_text():
            return f"Process {rank + 1} of {n_processes} failed: {said.read_text().splitlines()[0]}"
    return None


if __name__ == "__main__":
    take_part(Path(sys.argv[1]), int(sys.argv[2]))
