"""A member of a pack in conversation. Imports torch and transformers."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import torch
from torch import Tensor

from tunegrid.constitution.conversation import Conversation, Reply, Speaker
from tunegrid.errors import ConfigError
from tunegrid.method.virtual_tokens import POSITIONS
from tunegrid.objective.passes import passes, tokens_of
from tunegrid.objective.rollout import Drawing, roll_out
from tunegrid.pack.batch import CellRows, Row
from tunegrid.pack.likelihood import likelihoods
from tunegrid.pack.pack import Pack
from tunegrid.prompt.encoding import Encoder, Side


@dataclass(slots=True)
class MemberSpeaker(Speaker):
    """Replies in batches, drawn from the whole distribution; sums up what that took."""

    pack: Pack
    name: str
    encoder: Encoder
    drawing: Drawing
    rows_at_once: int
    tokens_per_pass: int
    tokens: int = 0
    """Tokens without padding that went through the model so far."""

    def replies(self, conversations: Sequence[Conversation], seeds: Sequence[int]) -> list[Reply]:
        prompts = [torch.tensor(ids) for ids in self._ids(conversations)]
        self._check_room(prompts)
        uniform = torch.stack([self._uniform(seed) for seed in seeds])
        rollout = roll_out(self.pack, self.name, prompts, self.drawing, uniform, self.rows_at_once)
        rows = rollout.rows(range(len(prompts)))
        self.tokens += sum(map(tokens_of, rows))
        texts = self.encoder.tokenizer.batch_decode([row.completion.tolist() for row in rows], skip_special_tokens=True)
        return [Reply(text.strip(), ended) for text, ended in zip(texts, rollout.ended.tolist(), strict=True)]

    def log_likelihoods(self, conversations: Sequence[Conversation], replies: Sequence[str]) -> np.ndarray:
        stop = len(self.encoder.stop)
        completions = [torch.tensor(ids[:-stop]) for ids in self.encoder.ids(replies, Side.completion)]
        prompts = map(torch.tensor, self._ids(conversations))
        rows = [Row(prompt, completion) for prompt in prompts for completion in completions]
        self.tokens += sum(map(tokens_of, rows))
        cell = CellRows(self.name, self.pack.own_rows(self.name, rows), None)
        with torch.no_grad():
            parts = [likelihoods(self.pack, piece)[0] for piece in passes([cell], self.tokens_per_pass, strict=True)]
        return -np.concatenate(parts)[:, 0].reshape(len(conversations), len(replies))

    def _ids(self, conversations: Sequence[Conversation]) -> list[list[int]]:
        return self.encoder.ids([self.encoder.text(turns) for turns in conversations], Side.prompt)

    def _uniform(self, seed: int) -> Tensor:
        """(T,) in [0, 1): a reply's draws, of its own seed alone."""
        return torch.rand(self.drawing.most_tokens, generator=torch.Generator().manual_seed(seed))

    def _check_room(self, prompts: Sequence[Tensor]) -> None:
        """Raise `ConfigError` for a conversation that the model has too few positions for."""
        config, most = self.pack.base.config, self.drawing.most_tokens
        room = min(getattr(config, name, None) or inf for name in POSITIONS)
        longest = max(map(len, prompts))
        if longest + most > room:
            problem = (
                f"a conversation of {longest} tokens and a reply of {most} are more than the model's {room} positions"
            )
            raise ConfigError(f"objective.response_tokens: {problem}; lower it, or data.max_length")
