"""Float32 copies of trained parameters that the model holds in a lower precision. Imports torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch.nn import Parameter


@dataclass(frozen=True, slots=True)
class MasterWeights:
    """What the optimiser steps: the model's own parameters where they are float32, else copies that are.

    Micikevicius et al. 2017, arXiv 1710.03740. A gradient goes to its copy as soon as it is there, so that passes add
    up in float32 and no low-precision gradient outlives its pass.
    """

    parameters: dict[str, Parameter]
    """By name; always float32."""
    copied: list[tuple[Parameter, Parameter]] = field(default_factory=list)
    """A parameter of the model and its copy."""

    @classmethod
    def of(cls, trained: Mapping[str, Parameter]) -> "MasterWeights":
        """The masters of some parameters of a model."""
        made = cls(dict(trained))
        for name, parameter in trained.items():
            if parameter.dtype is torch.float32:
                continue
            made.parameters[name] = copy = Parameter(parameter.detach().float())
            made.copied.append((parameter, copy))
            parameter.register_post_accumulate_grad_hook(partial(_hand_over, copy))
        return made

    @torch.no_grad()
    def publish(self) -> None:
        """Round the copies into the model."""
        for parameter, copy in self.copied:
            parameter.copy_(copy)


def _hand_over(copy: Parameter, parameter: Parameter) -> None:
    assert parameter.grad is not None
    gradient = parameter.grad.float()
    copy.grad = gradient if copy.grad is None else copy.grad.add_(gradient)
    parameter.grad = None
