"""Learning what a response is worth from single judgements of it, whoever wrote it. Imports torch.

The policy that gains most worth less β · KL from its reference has log π(y) / π_ref(y) = (w(y) − V) / β, where V, of
the prompt, makes it a distribution. Fitting that by least squares needs no probability at which a response was drawn:
Richemond et al. 2024, arXiv 2405.19107 (DRO). All tensors are (n,), one entry a response.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def expected_worths(worths: Tensor, log_ratios: Tensor, prompts: Sequence[str], coefficient: float) -> Tensor:
    """V of each response's prompt: the mean of w − β log π / π_ref over its responses and one of the overall mean.

    That one keeps a prompt with a single response from explaining its worth away.
    """
    own = worths - coefficient * log_ratios
    numbers = {prompt: number for number, prompt in enumerate(dict.fromkeys(prompts))}
    places = torch.tensor([numbers[prompt] for prompt in prompts])
    sums = torch.zeros(len(prompts)).index_add_(0, places, own) + own.mean()
    counts = torch.ones(len(prompts)).index_add_(0, places, torch.ones(len(prompts)))
    return (sums / counts)[places]


def worth_losses(log_ratios: Tensor, worths: Tensor, expected: Tensor, coefficient: float) -> Tensor:
    """½ (β log π / π_ref − (w − V))², with the gradient through π alone."""
    return (coefficient * log_ratios - (worths - expected)) ** 2 / 2
