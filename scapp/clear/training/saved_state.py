"""Training state on disk as safetensors and JSON, and seeded generators. Nothing is pickled."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from scapp.core.errors import RunError

FORMAT = 1


def generator_for(seed: int, purpose: str, device: torch.device) -> torch.Generator:
    """A generator whose stream depends on seed and purpose alone."""
    digest = hashlib.blake2b(f"{seed} {purpose}".encode(), digest_size=7).digest()
    generator = torch.Generator(device=device)
    generator.manual_seed(int.from_bytes(digest, "big"))
    return generator


def save_state(
    folder: Path,
    numbers: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    generators: Mapping[str, Tensor],
) -> None:
    """Write counters as JSON and all tensors as safetensors into an empty folder."""
    flat = {f"tensor.{name}": tensor for name, tensor in tensors.items()}
    for name, module in modules.items():
        flat |= {f"module.{name}.{key}": value for key, value in module.state_dict().items()}
    scalars: dict[str, float] = {}
    for index, state in optimizer.state_dict()["state"].items():
        for key, value in state.items():
            if isinstance(value, Tensor):
                flat[f"optimizer.{index}.{key}"] = value
            elif value is not None:
                scalars[f"{index}.{key}"] = value
    flat |= {f"generator.{name}": state for name, state in generators.items()}
    save_file(
        {name: value.detach().cpu().contiguous().clone() for name, value in flat.items()}, folder / "state.safetensors"
    )
    (folder / "state.json").write_text(json.dumps({"format": FORMAT, "numbers": dict(numbers), "optimizer": scalars}))


def load_state(
    folder: Path,
    modules: Mapping[str, nn.Module],
    optimizer: torch.optim.Optimizer,
    device: torch.device,
) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Tensor]]:
    """Fill modules and optimizer with a saved state; counters, other tensors and states of generators come back.

    Raises
    ------
    RunError
        The checkpoint was written by another version, or for a model of another shape.
    """
    content = json.loads((folder / "state.json").read_text())
    if content.get("format") != FORMAT:
        raise RunError(f"The checkpoint has format {content.get('format')}, not {FORMAT}.", hint="Start a new run.")
    flat = load_file(folder / "state.safetensors")
    try:
        for name, module in modules.items():
            module.load_state_dict(_below(flat, f"module.{name}."))
    except RuntimeError as error:
        raise RunError(
            "The checkpoint does not fit this model.", hint="Start a new run with these settings."
        ) from error
    state: dict[int, dict[str, Any]] = {}
    for source in (_below(flat, "optimizer."), content["optimizer"]):
        for name, value in source.items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    tensors = {name: value.to(device) for name, value in _below(flat, "tensor.").items()}
    return content["numbers"], tensors, _below(flat, "generator.")


def _below(flat: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in flat.items() if name.startswith(prefix)}
