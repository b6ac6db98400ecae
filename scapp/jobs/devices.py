"""Which device a step runs on."""

import resource
import sys

from scapp.core.errors import ConfigError

CHOICES = ("auto", "cpu", "cuda", "mps")


def choose_device(wanted: str = "auto") -> str:
    """The device to train on: a GPU where there is one.

    Raises
    ------
    ConfigError
        The wanted device is not there.
    """
    import torch

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    if not available.get(wanted.split(":")[0], False):
        found = ", ".join(name for name, there in available.items() if there)
        raise ConfigError(
            f"The device '{wanted}' is not available here; found {found}.",
            hint="Choose 'auto', or install torch's CUDA build (see the README).",
        )
    return wanted


def peak_memory_mb(device: str) -> float:
    """Most memory that this process, or the GPU where it used one, has held."""
    import torch

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
    if device.startswith("cuda"):
        peak = max(peak, torch.cuda.max_memory_allocated() / 1024**2)
    return round(peak, 1)
