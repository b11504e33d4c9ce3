"""What a policy learns from in one update: responses, what they were worth, what was expected. Imports torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tunegrid.loss.advantage import generalised_advantages, masked, token_rewards, whitened
from tunegrid.loss.kl import k1, k3
from tunegrid.loss.token_distribution import Likelihood
from tunegrid.objective.passes import passes
from tunegrid.objective.ppo import Ppo
from tunegrid.objective.reference import Reference
from tunegrid.objective.rollout import Drawing, Rollout, roll_out
from tunegrid.objective.value_trunk import ValueTrunk
from tunegrid.pack.batch import CellRows, Row
from tunegrid.pack.pack import Pack
from tunegrid.reward import Judge


@dataclass(frozen=True, slots=True)
class Judged:
    """Responses with their scores and their distance from the reference; all (B, T) or (B,)."""

    rollout: Rollout
    scores: Tensor
    """(B,) the reward, less the penalty where the response did not end."""
    log_reference: Tensor
    """(B, T) of the tokens, under the reference."""

    def divergences(self) -> Tensor:
        """(B,) nats of each response from the reference, estimated without bias."""
        return masked(k1(self.rollout.log_probabilities, self.log_reference), self.rollout.mask).sum(1)

    def positive_divergences(self) -> Tensor:
        """(B,) the same by an estimate that is never below 0."""
        return masked(k3(self.rollout.log_probabilities, self.log_reference), self.rollout.mask).sum(1)


@dataclass(frozen=True, slots=True)
class Experience:
    """All (B, T); 0 behind each response's last token."""

    judged: Judged
    advantages: Tensor
    """With mean 0 and variance 1 over the tokens of all responses."""
    values: Tensor
    """Expected before the update."""
    returns: Tensor
    """What the values are to become."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A policy, what it must stay near, and who judges it."""

    pack: Pack
    name: str
    reference: Reference
    drawing: Drawing
    judge: Judge
    missing_end_penalty: float
    tokens_per_pass: int
    rows_at_once: int

    def act(self, prompts: Sequence[Tensor], seed: int, tasks: Sequence[int] | None = None) -> Judged:
        """Respond to each prompt (p,) of its task and have the responses judged; `seed` decides every draw."""
        generator = torch.Generator().manual_seed(seed)
        uniform = torch.rand(len(prompts), self.drawing.most_tokens, generator=generator)
        rollout = roll_out(self.pack, self.name, prompts, self.drawing, uniform, self.rows_at_once, tasks)
        rows = rollout.rows(range(len(prompts)))
        scores = torch.tensor(self.judge.scores([row.prompt for row in rows], [row.completion for row in rows]))
        scores -= self.missing_end_penalty * (~rollout.ended).float()
        with torch.no_grad(), self.reference.in_force() as name:
            parts = [self.likelihood(name, piece).log_probabilities.cpu() for piece in self.pieces(name, rows)]
        return Judged(rollout, scores, laid_out(parts, rollout.mask))

    def pieces(self, name: str, rows: Sequence[Row]) -> list[CellRows]:
        """The rows as cell `name` has them, in passes of at most so many tokens."""
        own = rows if name != self.name else self.pack.own_rows(name, rows)
        return [piece for (piece,) in passes([CellRows(name, own, None)], self.tokens_per_pass, strict=True)]

    def likelihood(self, name: str, piece: CellRows) -> Likelihood:
        """Of the responses' tokens (L,), row after row, as they would be drawn now."""
        batch = self.pack.forward.collate([piece])
        with self.pack.router.over(*batch.shares):
            return self.pack.forward.likelihood(batch, self.drawing.temperature, self.drawing.banned)


def expected(trunk: ValueTrunk, actor: Actor, judged: Judged) -> Tensor:
    """(B, T) the trunk's values."""
    rows = judged.rollout.rows(range(len(judged.scores)))
    with torch.no_grad():
        parts = [trunk.values(piece.rows).cpu() for piece in actor.pieces(trunk.attached.name, rows)]
    return laid_out(parts, judged.rollout.mask)


def appraised(judged: Judged, values: Tensor, objective: Ppo, coefficient: float) -> Experience:
    """Advantages and returns of judged responses; see `loss/advantage.py`."""
    mask = judged.rollout.mask
    divergence = k1(judged.rollout.log_probabilities, judged.log_reference)
    rewards = token_rewards(divergence, judged.scores, mask, coefficient)
    if objective.whiten_rewards:
        rewards = whitened(rewards, mask, shift=False)
    advantages = generalised_advantages(rewards, values, mask, objective.discount, objective.trace)
    return Experience(judged, whitened(advantages, mask), values, masked(advantages + values, mask))


def laid_out(parts: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Entries of the tokens under `mask` (B, T), response after response, at their places; 0 elsewhere."""
    laid = torch.zeros(mask.shape)
    laid[mask] = torch.cat(list(parts))
    return laid
