"""`prompt=few_shot`: some solved training examples in front of the one that is asked (Brown et al. 2020)."""

from collections.abc import Sequence
from dataclasses import dataclass

from tunegrid.config import require, schema
from tunegrid.data import Example, Template, Turn
from tunegrid.data.draw import order
from tunegrid.data.mixture import TASK
from tunegrid.errors import ConfigError
from tunegrid.prompt import Prompt, asked, opened


@schema("prompt", "few_shot")
@dataclass(kw_only=True, slots=True)
class FewShot(Prompt):
    """The same solved examples in front of every prompt, as earlier turns of the conversation."""

    shots: int
    """How many training examples are shown."""
    shot_seed: int
    """Seed of their choice."""

    def __post_init__(self) -> None:
        require(self.shots >= 1, "prompt.shots", "be at least 1 (prompt=zero_shot shows none)", self.shots)

    def fitted(self, template: Template, train: Sequence[Example]) -> Prompt:
        """Choose the examples from all of the training part, whatever `data.rows` is, and the first answer of each.

        One more than `shots` is chosen, of each task of a mixture: an example is never shown in front of itself, and
        only in front of its own task.
        """
        tasks: dict[str | None, list[Example]] = {}
        for example in train:
            tasks.setdefault(example.task, []).append(example)
        solved = tuple(_solved(template, example) for examples in tasks.values() for example in self._chosen(examples))
        return SolvedFirst(
            chat=self.chat, system=self.system, separator=self.separator, solved=solved, shown=self.shots
        )

    def _chosen(self, examples: Sequence[Example]) -> list[Example]:
        if len(examples) <= self.shots:
            raise ConfigError(
                f"prompt.shots must be below the number of training examples, {len(examples)}, got {self.shots}"
            )
        return [examples[i] for i in order(len(examples), f"shots:{self.shot_seed}")[: self.shots + 1]]

    def turns(self, template: Template, example: Example) -> tuple[Turn, ...]:
        """Refused: the examples are not chosen yet; `fitted` gives a prompt that has them."""
        raise ConfigError("prompt=few_shot has no training examples yet; call fitted() first")


@dataclass(frozen=True, slots=True)
class Solved:
    """An example with its answer, as turns."""

    key: str
    task: str | None
    turns: tuple[Turn, ...]


@dataclass(kw_only=True, slots=True)
class SolvedFirst(Prompt):
    """Solved examples, then the one that is asked."""

    solved: tuple[Solved, ...]
    """One more of each task than are shown."""
    shown: int

    def turns(self, template: Template, example: Example) -> tuple[Turn, ...]:
        """The system message, the solved examples other than this one, and what is asked."""
        tasks = (example.task, example.fields.get(TASK))  # a perturbed question's examples are those of its part
        own = [solved for solved in self.solved if solved.task in tasks and solved.key != example.key]
        before = tuple(turn for solved in own[: self.shown] for turn in solved.turns)
        return opened(self.system, (*before, *asked(template, example)))


def _solved(template: Template, example: Example) -> Solved:
    answer = Turn("assistant", template.target_text(example.fields, example.references[0]))
    turns = tuple(turn for turn in asked(template, example) if turn.role != "system")
    return Solved(example.key, example.task, (*turns, answer))
