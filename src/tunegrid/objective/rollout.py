"""Responses drawn from a policy, with the log-probability of every token. Imports torch and transformers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from tunegrid.loss.token_distribution import drawn, log_distribution
from tunegrid.pack.batch import Row
from tunegrid.pack.pack import Pack
from tunegrid.pack.route import Share


@dataclass(frozen=True, slots=True)
class Drawing:
    """How tokens are drawn: from the whole distribution, because a cut one has another divergence."""

    most_tokens: int
    """Of a response, its end token included."""
    temperature: float
    stop_ids: tuple[int, ...]
    pad: int

    @property
    def banned(self) -> int | None:
        """The token that is never drawn: the padding, unless that is also what ends a response."""
        return None if self.pad in self.stop_ids else self.pad


@dataclass(frozen=True, slots=True)
class Rollout:
    """B responses of at most T tokens. What stands behind a response's last token means nothing."""

    prompts: tuple[Tensor, ...]
    """Of each response: (p,) int64."""
    tokens: Tensor
    """(B, T) int64."""
    log_probabilities: Tensor
    """(B, T) float32, of the tokens as they were drawn."""
    mask: Tensor
    """(B, T) True up to the last token, by position: the end token is part of the response, whatever its id."""
    ended: Tensor
    """(B,) whether the last token is one that ends a response."""
    tasks: tuple[int, ...]
    """The part of a mixture that each prompt is from; 0 where there is one task."""

    def rows(self, indices: Sequence[int]) -> list[Row]:
        """Some responses as rows of a batch, on the CPU."""
        return [Row(self.prompts[i], self.tokens[i, self.mask[i]], self.tasks[i]) for i in indices]


@torch.no_grad()
def roll_out(
    pack: Pack,
    name: str,
    prompts: Sequence[Tensor],
    drawing: Drawing,
    uniform: Tensor,
    rows_at_once: int,
    tasks: Sequence[int] | None = None,
) -> Rollout:
    """Draw a response to each prompt (p,) from cell `name`, whose weights are those of the moment.

    `tasks` are the prompts' parts of a mixture; None: there is one task.

    `uniform` (B, T) in [0, 1) decides every draw, so that none depends on how prompts are batched. Logits are held for
    one position of `rows_at_once` responses at a time.
    """
    tokens = torch.full(uniform.shape, drawing.pad)
    log_p = torch.zeros(uniform.shape)
    places = [0] * len(prompts) if tasks is None else list(tasks)
    by_length = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    with pack.generating():
        for start in range(0, len(prompts), rows_at_once):
            rows = by_length[start : start + rows_at_once]
            own = [pack.own_prompt(name, prompts[i].tolist(), places[i]) for i in rows]
            tokens[rows], log_p[rows] = _decode(pack, name, own, drawing, uniform[rows])
    stops = torch.isin(tokens, torch.tensor(drawing.stop_ids))
    before = stops.long().cumsum(1) - stops.long()  # ends before each position
    mask = before == 0
    return Rollout(tuple(prompts), tokens, log_p, mask, (stops & mask).any(1), tuple(places))


def _decode(
    pack: Pack, name: str, prompts: Sequence[Sequence[int]], drawing: Drawing, uniform: Tensor
) -> tuple[Tensor, Tensor]:
    """(rows, T) tokens and their log-probabilities, with a key-value cache, until every response has ended."""
    model, device = cast(Any, pack.base), pack.base.device
    longest = max(map(len, prompts))
    ids = torch.tensor([[drawing.pad] * (longest - len(p)) + list(p) for p in prompts], device=device)
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    tokens = torch.full_like(uniform, drawing.pad, dtype=torch.int64)
    log_p, cache, uniform = torch.zeros_like(uniform), None, uniform.to(device)
    stops, done = torch.tensor(drawing.stop_ids, device=device), torch.zeros(len(prompts), dtype=torch.bool)
    with pack.router.over(Share(name, len(prompts))):
        for t in range(uniform.shape[1]):
            out = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            cache = out.past_key_values
            distribution = log_distribution(out.logits[:, -1], drawing.temperature, drawing.banned)
            ids = drawn(distribution, uniform[:, t])[:, None]
            tokens[:, t], log_p[:, t] = ids[:, 0].cpu(), distribution.gather(1, ids)[:, 0].cpu()
            done |= torch.isin(ids[:, 0], stops).cpu()
            if done.all():
                break
            mask, positions = torch.cat([mask, mask.new_ones(len(ids), 1)], 1), positions[:, -1:] + 1
    return tokens, log_p
