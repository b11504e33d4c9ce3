"""Rows of token ids, flat and memory-mapped, and the questions that are put to the trained model."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from tunegrid.data.pairs import Pairs
    from tunegrid.data.training_prompts import TrainingPrompts


@dataclass(frozen=True, slots=True)
class TokenizedRows:
    """Rows end to end. A row is its prompt (an encoder-decoder's encoder side) and then its completion."""

    ids: np.ndarray
    """(tokens,) int32."""
    offsets: np.ndarray
    """(rows + 1,) int64; row i is `ids[offsets[i] : offsets[i + 1]]`."""
    prompt_lengths: np.ndarray
    """(rows,) int32; the rest of a row is its completion, at least one token, the only ones with a loss."""
    tasks: np.ndarray
    """(rows,) int32, each row's place in `PreparedData.tasks`; 0 where there is one task."""

    @classmethod
    def of(cls, rows: Sequence[tuple[Sequence[int], Sequence[int]]], tasks: Sequence[int] | None = None) -> Self:
        """Lay (prompt ids, completion ids) end to end; without `tasks` all rows are of one."""
        ids = array("i")
        for prompt, completion in rows:
            ids.extend(prompt)
            ids.extend(completion)
        lengths = np.array([len(prompt) + len(completion) for prompt, completion in rows], dtype=np.int64)
        return cls(
            np.frombuffer(ids, dtype=np.int32) if ids else np.zeros(0, np.int32),
            np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]),
            np.array([len(prompt) for prompt, _ in rows], dtype=np.int32),
            np.zeros(len(rows), np.int32) if tasks is None else np.array(tasks, dtype=np.int32),
        )

    def __len__(self) -> int:
        return len(self.prompt_lengths)

    @property
    def tokens(self) -> int:
        """Tokens of all rows, prompts and completions."""
        return int(self.offsets[-1])

    @property
    def lengths(self) -> np.ndarray:
        """(rows,) int64, tokens of each row."""
        return np.diff(self.offsets)

    def prompt(self, row: int) -> np.ndarray:
        """(p,) int32, the prompt of a row."""
        start = self.offsets[row]
        return self.ids[start : start + self.prompt_lengths[row]]

    def completion(self, row: int) -> np.ndarray:
        """(c,) int32, the completion of a row, with the token that ends it."""
        return self.ids[self.offsets[row] + self.prompt_lengths[row] : self.offsets[row + 1]]


@dataclass(frozen=True, slots=True)
class Question:
    """One test instance."""

    key: str
    """The example's key, for example `devset.csv:2`."""
    prompt: str
    """As text, with a chat template's marks."""
    prompt_ids: list[int]
    references: list[str]
    """Every answer that counts as right, as the source has them: the target template is not applied."""
    task: str | None = None
    """The part of a mixture that it is from."""
    choices: list[str] = field(default_factory=list)
    """The answers that are offered, as the target template writes them; empty where there are none."""
    choice_ids: list[list[int]] = field(default_factory=list)
    """Their tokens, without the one that ends a completion."""
    gold: list[int] = field(default_factory=list)
    """Which of `choices` are right, by index."""
    group: str | None = None
    """What it belongs to, where the data have a column `group`."""

    def choice_lengths(self) -> np.ndarray:
        """(choices,) characters, blanks at the ends apart."""
        return np.array([len(choice.strip()) for choice in self.choices])


@dataclass(frozen=True, slots=True)
class PreparedData:
    """A data set as a tokenizer and a prompt show it to a model."""

    train: TokenizedRows
    validation: TokenizedRows
    questions: list[Question]
    """The test part."""
    stop_ids: tuple[int, ...]
    """Tokens on which generation stops: the last of every whole completion, and the end of text."""
    fingerprint: str
    """A hash of all that went in: source, choice of rows, templates, prompt, tokenizer."""
    notes: tuple[str, ...]
    """What a protocol says about the data, one sentence each."""
    tasks: tuple[str, ...] = ()
    """The parts of a mixture, in the order that `TokenizedRows.tasks` counts; empty where there is one task."""
    pairs: "Pairs | None" = None
    """Answers with worse ones beside them, for the objectives that compare."""
    prompts: "TrainingPrompts | None" = None
    """What the training rows ask, for the objectives that put it to the model."""
