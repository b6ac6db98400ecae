"""How exactly float32 matrix products are computed while training: faster where the hardware does it without harm."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

CPU_FLAGS = Path("/proc/cpuinfo")
MOST_ERROR = 0.01
"""Largest error of a product that is accepted, relative to the products' root mean square. That of bfloat16 inputs is
about 0.003.
"""

logger = logging.getLogger(__name__)


@contextmanager
def fast_products(device: torch.device) -> Iterator[str]:
    """Compute float32 products in TF32 on NVIDIA GPUs, and with AMX on processors that have it; elsewhere exactly.

    Yields
    ------
    Torch's name of the precision: ``highest``, ``high`` or ``medium``.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(_precision(device))
    try:
        yield torch.get_float32_matmul_precision()
    finally:
        torch.set_float32_matmul_precision(before)


def _precision(device: torch.device) -> str:
    if device.type == "cuda":
        return "high"
    if device.type == "cpu" and _has_amx() and product_error("medium") <= MOST_ERROR:
        return "medium"
    return "highest"


def _has_amx() -> bool:
    # without AMX, torch's "medium" is slower than its default
    return CPU_FLAGS.exists() and "amx_bf16" in CPU_FLAGS.read_text()


def product_error(precision: str) -> float:
    """Root mean square error of a product of standard normal numbers, relative to its own root mean square."""
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(256, 1024, generator=generator) for _ in range(2))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        found = (left @ right.T).double()
    finally:
        torch.set_float32_matmul_precision(before)
    exact = left.double() @ right.double().T
    error = float((found - exact).square().mean().sqrt() / exact.square().mean().sqrt())
    logger.info("float32 products at precision %s: relative error %.1e", precision, error)
    return error
