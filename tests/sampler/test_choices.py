"""Choices ranked by likelihood: against transformers' own logits, row by row, and in a pack against each cell alone."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from adaptation.virtual_packs import BASE, prompt
from tiny_models import gpt2, llama, lora, t5
from tiny_training import MACHINE, data
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from tunegrid.data import Example
from tunegrid.data.token_rows import PreparedData, Question
from tunegrid.errors import DataError
from tunegrid.method import Method
from tunegrid.model.byte_tokenizer import byte_tokenizer
from tunegrid.pack.pack import Member, Pack
from tunegrid.sampler import Answer
from tunegrid.sampler.choices import Choices, Ranking

METHODS: dict[str, Method] = {"narrow": lora(4), "base": BASE, "soft": prompt(3), "wide": lora(8)}
LONG = " a choice of many more characters than any other"
QUESTIONS = [
    ([7, 8, 9], {"yes": [20], "no": [21]}),
    ([40, 41, 42, 43, 44, 45], {"one": [60, 61], LONG: [62, 63, 64, 65], "three": [66]}),
    ([5], {"a": [70, 71], "b": [72, 73]}),
]


def questions() -> PreparedData:
    asked = [
        Question(str(i), "", ids, ["a"], choices=list(choices), choice_ids=list(choices.values()), gold=[0])
        for i, (ids, choices) in enumerate(QUESTIONS)
    ]
    given = data()
    return PreparedData(given.train, given.validation, asked, (299,), "", ())


def packed(make: Callable[[], PreTrainedModel], names: list[str]) -> Pack:
    pack = Pack(make(), [Member(name, METHODS[name], 0) for name in names], 0)
    for member in pack.members:
        torch.manual_seed(len(member.name))
        for parameter in pack.trainable(member).values():
            torch.nn.init.normal_(parameter, std=0.3)
    return pack


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return byte_tokenizer(end_appended=False, longest=512)


def answers(
    pack: Pack, tokenizer: PreTrainedTokenizerFast, ranking: Ranking = Ranking.likelihood, silent: tuple[int, ...] = ()
) -> list[list[Answer]]:
    sampler = Choices(ranking=ranking)
    return sampler.answers(pack, questions(), tokenizer, MACHINE, lambda *_: None, silent)


def plainly(model: PreTrainedModel, prompt_ids: list[int], choice: list[int]) -> float:
    """log P(choice | prompt) by the model's ordinary forward."""
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            begun = torch.tensor([[model.config.decoder_start_token_id, *choice[:-1]]])
            logits = model(input_ids=torch.tensor([prompt_ids]), decoder_input_ids=begun).logits[0]
        else:
            whole = torch.tensor([[*prompt_ids, *choice]])
            logits = model(input_ids=whole).logits[0, len(prompt_ids) - 1 : -1]
    return float(logits.double().log_softmax(-1)[range(len(choice)), choice].sum())


@pytest.mark.parametrize("make", [llama, gpt2, t5])
def test_log_likelihoods_are_those_of_the_plain_model(
    make: Callable[[], PreTrainedModel], tokenizer: PreTrainedTokenizerFast
):
    (of_base,) = answers(Pack(make(), [Member("base", BASE, 0)], 0), tokenizer)
    model = make().eval()
    for answer, (prompt_ids, choices) in zip(of_base, QUESTIONS, strict=True):
        expected = [plainly(model, prompt_ids, ids) for ids in choices.values()]
        assert answer.log_likelihoods == pytest.approx(expected, abs=1e-4)
        assert answer.text == list(choices)[int(np.argmax(expected))]


@pytest.mark.parametrize("make", [llama, t5])
def test_a_cell_in_a_pack_ranks_as_it_does_alone(
    make: Callable[[], PreTrainedModel], tokenizer: PreTrainedTokenizerFast
):
    together = answers(packed(make, list(METHODS)), tokenizer)
    assert len({answer.log_likelihoods for own in together for answer in own}) == len(METHODS) * len(QUESTIONS)
    for name, in_pack in zip(METHODS, together, strict=True):
        (alone,) = answers(packed(make, [name]), tokenizer)
        assert [one.text for one in in_pack] == [one.text for one in alone]
        for one, other in zip(in_pack, alone, strict=True):
            assert one.log_likelihoods == pytest.approx(other.log_likelihoods, abs=1e-4)


def test_a_choice_may_be_likelier_for_its_length(tokenizer: PreTrainedTokenizerFast):
    pack = packed(llama, ["narrow"])
    (raw,), (per_character,) = answers(pack, tokenizer), answers(pack, tokenizer, Ranking.per_character)
    assert [one.log_likelihoods for one in raw] == [one.log_likelihoods for one in per_character]
    for answer, (_, choices) in zip(per_character, QUESTIONS, strict=True):
        scores = {text: ll / len(text.strip()) for text, ll in zip(choices, answer.log_likelihoods, strict=True)}
        assert answer.text == max(scores, key=lambda text: scores[text])
    assert raw[1].text != per_character[1].text == LONG


def test_a_prompt_is_read_once_where_its_choices_are_single_tokens(tokenizer: PreTrainedTokenizerFast):
    pack, lengths = packed(llama, ["narrow"]), []
    collate = pack.forward.collate
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            type(pack.forward), "collate", lambda _, cells: lengths.append(len(cells[0].rows)) or collate(cells)
        )
        answers(pack, tokenizer)
    assert sum(lengths) == 1 + 3 + 2


def test_a_silent_member_is_not_asked(tokenizer: PreTrainedTokenizerFast):
    first, second = answers(packed(llama, ["narrow", "wide"]), tokenizer, silent=(0,))
    assert first == [] and len(second) == len(QUESTIONS)


def test_a_question_without_choices_is_named():
    fine, bare = (Example(key, {}, ("yes",), choices=choices) for key, choices in (("a:1", ("yes", "no")), ("a:2", ())))
    Choices(ranking=Ranking.likelihood).check([fine])
    with pytest.raises(DataError, match="a:2: sampler=choices needs choices, and this question has none; name"):
        Choices(ranking=Ranking.likelihood).check([fine, bare])
