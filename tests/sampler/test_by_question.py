"""A sampler for each kind of question: every answer is that of its own sampler, in the order of the questions."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from tunegrid.data import Example
from tunegrid.data.token_rows import PreparedData, Question, TokenizedRows
from tunegrid.errors import ConfigError, DataError
from tunegrid.sampler import Answer, Sampler
from tunegrid.sampler.by_question import ByQuestion
from tunegrid.sampler.choices import Choices, Ranking
from tunegrid.sampler.greedy import Greedy


@dataclass(kw_only=True, slots=True)
class Named(Sampler):
    """Answers with its own name and the question's."""

    name: str

    def answers(self, pack, data, tokenizer, hardware, report, silent=()):
        said = [Answer(f"{self.name} {question.key}") for question in data.questions]
        return [[] if place in silent else said for place, _ in enumerate(pack.members)]

    def rows_per_prompt(self):
        return len(self.name)


BOTH = ByQuestion(parts={"choices": Named(name="ranked"), "others": Named(name="decoded")})


def prepared(kinds: str) -> PreparedData:
    """A question for each letter, with choices where it is c."""
    asked = [Question(str(i), "", [1], [], choices=["a"] * (kind == "c")) for i, kind in enumerate(kinds)]
    return PreparedData(TokenizedRows.of([]), TokenizedRows.of([]), asked, (), "", ())


@pytest.mark.parametrize("kinds", ["cdc", "cc", "dd", "dcdd"])
def test_each_question_goes_to_its_sampler_and_silent_cells_stay_silent(kinds):
    pack = SimpleNamespace(members=["x", "y", "z"])
    found = BOTH.answers(pack, prepared(kinds), None, None, None, silent=(1,))
    texts = [f"{'ranked' if kind == 'c' else 'decoded'} {place}" for place, kind in enumerate(kinds)]
    assert [[answer.text for answer in own] for own in found] == [texts, [], texts]
    assert BOTH.rows_per_prompt() == len("decoded")


def test_its_samplers_check_their_own_questions():
    alike = ByQuestion(parts={"choices": Choices(ranking=Ranking.likelihood), "others": Greedy(max_new_tokens=4)})
    alike.check([Example("k", {}, (), choices=("a", "b")), Example("l", {}, ())])
    swapped = ByQuestion(parts={"choices": Greedy(max_new_tokens=4), "others": Choices(ranking=Ranking.likelihood)})
    with pytest.raises(DataError, match="l: sampler=choices needs choices"):
        swapped.check([Example("k", {}, (), choices=("a", "b")), Example("l", {}, ())])


def test_other_names_are_refused():
    with pytest.raises(ConfigError, match=r"sampler\.parts must be choices and others, got choices"):
        ByQuestion(parts={"choices": Named(name="x")})
