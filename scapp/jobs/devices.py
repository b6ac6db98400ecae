"""Which device a step runs on."""

import importlib.util
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
    if wanted == "cpu":
        return wanted
    available = available_devices()
    if wanted == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if name in available)
    if wanted.split(":")[0] not in available:
        raise ConfigError(
            f"The device '{wanted}' is not available here; found {', '.join(available)}.",
            hint="Choose 'auto', or install torch's CUDA build (see the README).",
        )
    return wanted


def available_devices() -> list[str]:
    """Kinds of device that torch finds here; without torch, which trains, the processor alone."""
    if importlib.util.find_spec("torch") is None:
        return ["cpu"]
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [name for name, found in there.items() if found]


def peak_memory_mb(device: str) -> float:
    """Most memory that this process, or the GPU where it used one, has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
    if device.startswith("cuda"):
        import torch

        peak = max(peak, torch.cuda.max_memory_allocated() / 1024**2)
    return round(peak, 1)
