"""How benchmarks print: ratios first, the protocol beside them."""

from collections.abc import Sequence
from importlib.metadata import version
from statistics import median

import torch
from contenders import Timed


def protocol(rows: str, batch_size: int) -> str:
    """One line that says what was compared."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("tunegrid", "trl", "transformers", "peft", "torch"))
    machine = f"{torch.get_num_threads()} threads"
    return f"SmolLM2-135M, bfloat16 base, LoRA on q and v, {rows}, {batch_size} rows a step, {machine}; {packages}"


def seconds(runs: Sequence[Timed]) -> float:
    """The median step of several runs."""
    return median(step for run in runs for step in run.seconds)


def check_losses(ours: Timed, theirs: Timed) -> None:
    """Refuse to compare runs that do not train the same thing: first losses must agree to bfloat16's rounding."""
    difference = abs(ours.losses[0] - theirs.losses[0])
    if difference > 0.05:
        raise SystemExit(f"not the same training: first losses {ours.losses[0]:.4f} and {theirs.losses[0]:.4f}")
    print(f"first loss: ours {ours.losses[0]:.4f}, TRL {theirs.losses[0]:.4f}")
