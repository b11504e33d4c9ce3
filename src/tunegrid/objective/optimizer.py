"""AdamW, its means where the objective wants them, and how a checkpoint gives them back. Imports torch."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import AdamW
from torch.optim import Optimizer as TorchOptimizer

from tunegrid.objective.sft import Optimizer

PAGED = ("state1", "state2")
"""What bitsandbytes calls the means of gradients and of their squares, which its paged optimisers page."""
MOMENTS = ("exp_avg", "exp_avg_sq", *PAGED, "absmax1", "absmax2")
"""A parameter's part of an optimiser's state: torch's names, and bitsandbytes' with those of the scales of 8 bits."""


def make_optimizer(kind: Optimizer, groups: Sequence[dict[str, Any]]) -> TorchOptimizer:
    """One optimiser for all groups of parameters."""
    if kind is Optimizer.adamw:
        return AdamW(groups, fused=True)
    from bitsandbytes.optim import PagedAdamW

    # on a CPU the means lie in main memory anyway, which is all that it warns of
    warnings.filterwarnings("ignore", "Paged optimizers are not supported on CPU", UserWarning)
    bits = 8 if kind is Optimizer.paged_adamw_8bit else 32
    return cast(TorchOptimizer, PagedAdamW(groups, optim_bits=bits))


def resumed(
    optimizer: TorchOptimizer, parameter: Parameter, steps: float, moments: Mapping[str, Tensor]
) -> dict[str, Any]:
    """A parameter's state after so many steps, its means paged again where they were."""
    if PAGED[0] not in moments:
        return {"step": torch.tensor(steps, device=parameter.device), **moments}
    theirs = cast(Any, optimizer)
    paged = {key: theirs.get_state_buffer(parameter, moments[key].dtype) for key in PAGED}
    for key, buffer in paged.items():
        buffer.copy_(moments[key])
    return {"step": int(steps), **moments, **paged, **_codes(theirs, parameter, moments)}


def _codes(optimizer: Any, parameter: Parameter, moments: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The values that 8 bits stand for, the same for all parameters."""
    if "absmax1" not in moments:
        return {}
    optimizer.fill_qmap()
    known = optimizer.name2qmap
    return {key: known[kind].to(parameter.device) for key, kind in (("qmap1", "dynamic"), ("qmap2", "udynamic"))}
