"""A cell's state in training, on disk: one safetensors file, written atomically. Imports torch."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.optim import Optimizer

from tunegrid.atomic import write_atomically
from tunegrid.objective.cell_state import CellState

MOMENTS = ("exp_avg", "exp_avg_sq")
COUNTERS = (
    "step",
    "tokens",
    "seconds",
    "validation_seconds",
    "diverged",
    "kept_step",
    "validated_step",
    "lowest",
    "stale",
)


def path_in(folder: Path) -> Path:
    """Where a cell's checkpoint lies."""
    return folder / "checkpoint" / "state.safetensors"


def save_checkpoint(state: CellState, optimizer: Optimizer, folder: Path) -> None:
    """Write weights, optimiser moments, best weights and counters; random streams are functions of the step."""
    tensors: dict[str, Tensor] = {f"kept/{name}": value for name, value in state.kept.items()}
    for name, parameter in state.parameters.items():
        tensors[f"weight/{name}"] = parameter.detach()
        for moment in MOMENTS:
            if moment in optimizer.state[parameter]:
                tensors[f"{moment}/{name}"] = optimizer.state[parameter][moment]
    if state.validation is not None:
        tensors["validation"] = torch.from_numpy(state.validation)
    counters = {name: getattr(state, name) for name in COUNTERS}
    path = path_in(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(
        path, save({k: v.contiguous().cpu() for k, v in tensors.items()}, {"counters": json.dumps(counters)})
    )


def load_checkpoint(state: CellState, optimizer: Optimizer, folder: Path) -> bool:
    """Continue from the cell's checkpoint if there is a readable one; says whether there was."""
    try:
        with safe_open(path_in(folder), framework="pt") as file:
            counters = json.loads(file.metadata()["counters"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError):
        return False
    with torch.no_grad():
        for name, parameter in state.parameters.items():
            parameter.copy_(tensors[f"weight/{name}"])
            moments = {m: tensors[f"{m}/{name}"].to(parameter.device) for m in MOMENTS if f"{m}/{name}" in tensors}
            if moments:
                optimizer.state[parameter] = {"step": torch.tensor(float(counters["step"])), **moments}
    device = {name: p.device for name, p in state.parameters.items()}
    state.kept = {
        k.removeprefix("kept/"): v.to(device[k.removeprefix("kept/")])
        for k, v in tensors.items()
        if k.startswith("kept/")
    }
    state.validation = tensors["validation"].numpy() if "validation" in tensors else None
    for name in COUNTERS:
        setattr(state, name, counters[name])
    return True
