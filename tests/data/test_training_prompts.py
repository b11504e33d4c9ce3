"""The prompts that objectives put to a model: each once, as a person says it and as the model reads it."""

from dataclasses import dataclass, replace

import pytest

from tunegrid.data import CopiedRows, Data, Example, LongRows, Splits, Template, Turn
from tunegrid.data.training_prompts import prepare_prompts
from tunegrid.errors import DataError
from tunegrid.model.byte_tokenizer import byte_tokenizer
from tunegrid.prompt import Chat
from tunegrid.prompt.zero_shot import ZeroShot

PROMPT = ZeroShot(chat=Chat.never, system="Be kind.", separator="\n")
TOKENIZER = byte_tokenizer(False, 64)
EACH = "{% for m in messages %}<{{ m.role[0] }}>{{ m.content }}</s>{% endfor %}"
CHAT_TEMPLATE = EACH + "{% if add_generation_prompt %}<a>{% endif %}"


@dataclass(kw_only=True, slots=True)
class Given(Data):
    examples: tuple[Example, ...]

    def splits(self) -> Splits:
        return Splits(self.examples, self.examples[:1], self.examples[:1])

    def fingerprint(self) -> str:
        return "given"


def given(*examples: Example) -> Given:
    return Given(
        copies=CopiedRows.keep,
        template=Template(input="Say {{ word }}", target="{{ reference }}", others={}),
        rows=None,
        validation_rows=None,
        test_rows=None,
        split_seed=0,
        max_length=64,
        long_rows=LongRows.drop,
        examples=examples,
    )


def example(key: str, word: str, *references: str) -> Example:
    return Example(key, {"word": word}, references or ("x",))


def test_each_prompt_is_there_once_under_its_first_key() -> None:
    data = given(example("a", "yes", "1", "2"), example("b", "no"), example("c", "yes", "3"))
    found = prepare_prompts(data, TOKENIZER, PROMPT)
    assert [(one.key, one.text) for one in found.prompts] == [("a", "Say yes"), ("b", "Say no")]
    assert len(found) == 2 and found.notes == ("training: 2 prompts",)
    assert TOKENIZER.decode(found.prompts[0].ids, skip_special_tokens=True) == "Be kind.\n\nSay yes\n"


@pytest.mark.parametrize("chat", [Chat.never, Chat.always])
def test_its_tokens_are_those_of_its_turns(chat: Chat) -> None:
    tokenizer = byte_tokenizer(False, 64)
    tokenizer.chat_template = CHAT_TEMPLATE
    (found,) = prepare_prompts(given(example("a", "yes")), tokenizer, replace(PROMPT, chat=chat)).prompts
    assert found.turns == (Turn("system", "Be kind."), Turn("user", "Say yes"))
    shown = {Chat.never: "Be kind.\n\nSay yes\n", Chat.always: "<s>Be kind.</s><u>Say yes</s><a>"}
    assert tokenizer.decode(found.ids) == shown[chat]


def test_a_prompt_with_no_room_for_an_answer_is_left_out_and_told() -> None:
    data = given(example("a", "yes"), example("b", "y" * 80))
    found = prepare_prompts(data, TOKENIZER, PROMPT)
    assert found.notes == ("training: 1 prompts", "training: 1 prompts of 64 tokens or more left out")
    with pytest.raises(DataError, match=r"data\.max_length=5 leaves no training prompt; raise it"):
        prepare_prompts(replace(data, max_length=5), TOKENIZER, PROMPT)


def test_a_conversation_is_refused() -> None:
    turns = (Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c"))
    with pytest.raises(DataError, match="k: 3 turns; this objective takes prompts of one turn"):
        prepare_prompts(given(Example("k", {}, ("x",), turns=turns)), TOKENIZER, PROMPT)
