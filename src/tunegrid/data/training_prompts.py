"""The distinct prompts of a data set's training rows, for the objectives that put them to a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunegrid.data import Data, Example, Turn
from tunegrid.data.selection import select
from tunegrid.errors import DataError
from tunegrid.prompt import Prompt, asked
from tunegrid.prompt.encoding import Encoder, Side

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class TrainingPrompt:
    """One of them."""

    key: str
    """The key of the first example that has it."""
    text: str
    """What the user says, without a chat template's marks: what `data=preferences` reads as `prompt`."""
    ids: tuple[int, ...]
    """As the model reads it."""
    turns: tuple[Turn, ...]
    """The same turn by turn, behind a system message and solved examples where the prompt has them."""


@dataclass(frozen=True, slots=True)
class TrainingPrompts:
    """The distinct prompts of the training rows, in the order of the source."""

    prompts: tuple[TrainingPrompt, ...]
    encoder: Encoder
    """Writes further turns as it wrote these."""
    notes: tuple[str, ...]
    """What a protocol says about them."""

    def __len__(self) -> int:
        return len(self.prompts)


def prepare_prompts(data: Data, tokenizer: "PreTrainedTokenizerBase", prompt: Prompt) -> TrainingPrompts:
    """Write and tokenise the prompts of the training rows. One with no room for an answer is left out.

    Raises `DataError` for a conversation, of which a record has no place for the earlier turns.
    """
    splits = data.splits()
    chosen, prompt = select(data, splits), prompt.fitted(data.template, splits.train)
    examples = _distinct(data, [example for example, _ in chosen.train])
    encoder = prompt.encoder(tokenizer)
    turns = [prompt.turns(data.template, example) for example in examples.values()]
    ids = encoder.ids([encoder.text(several) for several in turns], Side.prompt)
    found = [
        TrainingPrompt(example.key, text, tuple(own), several)
        for (text, example), own, several in zip(examples.items(), ids, turns, strict=True)
    ]
    kept = tuple(one for one in found if len(one.ids) < data.max_length)
    if not kept:
        raise DataError(f"data.max_length={data.max_length} leaves no training prompt; raise it")
    notes = [f"training: {len(kept)} prompts"]
    notes += [f"training: {len(found) - len(kept)} prompts of {data.max_length} tokens or more left out"] * (
        len(kept) < len(found)
    )
    return TrainingPrompts(kept, encoder, tuple(notes))


def _distinct(data: Data, examples: Sequence[Example]) -> dict[str, Example]:
    """What the user says, with the first example where it is said."""
    found: dict[str, Example] = {}
    for example in examples:
        turns = asked(data.template, example)
        if len(turns) > 1:
            raise DataError(f"{example.key}: {len(turns)} turns; this objective takes prompts of one turn")
        found.setdefault(turns[0].content, example)
    return found
