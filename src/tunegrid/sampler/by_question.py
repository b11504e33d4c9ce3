"""`sampler=by_question`: choices are ranked where a question has some, and all other answers decoded."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tunegrid.config import require, schema
from tunegrid.sampler import Answer, Report, Sampler

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from tunegrid.data import Example
    from tunegrid.data.tokenized import PreparedData
    from tunegrid.hardware import Hardware
    from tunegrid.pack.pack import Pack

CHOICES, OTHERS = "choices", "others"


@schema("sampler", "by_question")
@dataclass(kw_only=True, slots=True)
class ByQuestion(Sampler):
    """A sampler for questions with choices and one for those without."""

    parts: dict[str, Sampler]
    """`choices` and `others`: `sampler.parts.others.max_new_tokens=32`."""

    def __post_init__(self) -> None:
        rule = f"be {CHOICES} and {OTHERS}"
        require(set(self.parts) == {CHOICES, OTHERS}, "sampler.parts", rule, ", ".join(self.parts))

    def check(self, questions: "Sequence[Example]") -> None:
        """Raise `DataError` for test questions that their own sampler cannot answer."""
        for name, own in self.parts.items():
            own.check([question for question in questions if _part(question.choices) == name])

    def answers(
        self,
        pack: "Pack",
        data: "PreparedData",
        tokenizer: "PreTrainedTokenizerBase",
        hardware: "Hardware",
        report: Report,
        silent: Collection[int] = (),
    ) -> list[list[Answer]]:
        found: list[dict[int, Answer]] = [{} for _ in pack.members]
        for name, own in self.parts.items():
            places = [place for place, question in enumerate(data.questions) if _part(question.choices) == name]
            asked = replace(data, questions=[data.questions[place] for place in places])
            answered = own.answers(pack, asked, tokenizer, hardware, report, silent) if places else []
            for member, answers in enumerate(answered):
                found[member] |= dict(zip(places, answers, strict=False))  # a silent member has none
        return [[own[place] for place in sorted(own)] for own in found]

    def rows_per_prompt(self) -> int:
        return max(own.rows_per_prompt() for own in self.parts.values())


def _part(choices: Sequence[str]) -> str:
    return CHOICES if choices else OTHERS
