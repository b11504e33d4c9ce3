"""Decoding a pack against transformers' own generation, prompt by prompt and cell by cell."""

from collections.abc import Callable

import pytest
import torch
from tiny_models import gpt2, llama, lora, t5
from tiny_training import data
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerFast

from tunegrid.data.token_rows import PreparedData, Question
from tunegrid.errors import ConfigError
from tunegrid.method.base import Base
from tunegrid.model.byte_tokenizer import byte_tokenizer
from tunegrid.model.split_attention import split
from tunegrid.pack.pack import Member, Pack
from tunegrid.pack.route import Share
from tunegrid.sampler import Sampler
from tunegrid.sampler.beam import Beam
from tunegrid.sampler.decode import decode
from tunegrid.sampler.greedy import Greedy

GREEDY = Greedy(max_new_tokens=12)
BEAM = Beam(max_new_tokens=12, beams=3, length_penalty=0.8, no_repeat_ngram=2)
PROMPTS = [[7, 8, 9], [40, 41, 42, 43, 44, 45], [60], [7, 8, 9], [11, 12, 13, 14]]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return byte_tokenizer(end_appended=False, longest=512)


def questions() -> PreparedData:
    asked = [Question(str(i), "", ids, ["a"]) for i, ids in enumerate(PROMPTS)]
    given = data()
    return PreparedData(given.train, given.validation, asked, (299,), "", ())


def packed(make: Callable[[], PreTrainedModel]) -> Pack:
    members = [Member("one", lora(4), 0), Member("base", Base(kind="base"), 0), Member("two", lora(8), 1)]
    pack = Pack(split(make()), members, 0)
    torch.manual_seed(5)
    for member in pack.members:
        for parameter in pack.trainable(member).values():
            torch.nn.init.normal_(parameter, std=0.3)
    return pack


def one_by_one(pack: Pack, sampler: Sampler, tokenizer: PreTrainedTokenizerFast) -> list[list[str]]:
    settings: GenerationConfig = sampler.settings()
    settings.eos_token_id, settings.pad_token_id = 299, tokenizer.pad_token_id
    encoder_decoder = pack.base.config.is_encoder_decoder
    settings.decoder_start_token_id = 0 if encoder_decoder else None
    answers = []
    with pack.generating():
        for member in pack.members:
            texts = []
            for ids in PROMPTS:
                with torch.no_grad(), pack.router.over(Share(member.name, 1)):
                    out = pack.base.generate(input_ids=torch.tensor([ids]), generation_config=settings)
                start = 1 if encoder_decoder else len(ids)
                texts.append(tokenizer.decode(out[0, start:], skip_special_tokens=True).strip())
            answers.append(texts)
    return answers


@pytest.mark.parametrize("make", [llama, gpt2, t5])
@pytest.mark.parametrize("rows", [1, 4, 64])
def test_greedy_answers_equal_those_of_each_cell_and_prompt_alone(
    make: Callable[[], PreTrainedModel], rows: int, tokenizer: PreTrainedTokenizerFast
) -> None:
    pack = packed(make)
    got = decode(GREEDY, pack, questions(), tokenizer, rows, lambda *_: None)
    assert got == one_by_one(pack, GREEDY, tokenizer)
    assert got[0] != got[1] != got[2]


@pytest.mark.parametrize("make", [llama, t5])
def test_beam_answers_equal_those_of_each_cell_and_prompt_alone(
    make: Callable[[], PreTrainedModel], tokenizer: PreTrainedTokenizerFast
) -> None:
    pack, plain = packed(make), Beam(max_new_tokens=12, beams=3, length_penalty=0.8, no_repeat_ngram=None)
    assert decode(plain, pack, questions(), tokenizer, 12, lambda *_: None) == one_by_one(pack, plain, tokenizer)


def test_how_its_publisher_would_decode_a_model_has_no_part_in_it(tokenizer: PreTrainedTokenizerFast) -> None:
    def habitual() -> PreTrainedModel:
        model = llama()
        model.generation_config = GenerationConfig(
            repetition_penalty=1.8, num_beams=4, suppress_tokens=list(range(50)), max_length=8, length_penalty=3.0
        )
        return model

    got = decode(GREEDY, pack := packed(habitual), questions(), tokenizer, 64, lambda *_: None)
    assert got == decode(GREEDY, packed(llama), questions(), tokenizer, 64, lambda *_: None)
    assert pack.base.generation_config.num_beams == 4  # an exported model has its publisher's again


def test_no_ngram_repeats_within_an_answer_but_prompts_may_be_quoted(tokenizer: PreTrainedTokenizerFast) -> None:
    from tunegrid.sampler.decode import _NoRepeatInAnswer

    rule = _NoRepeatInAnswer(2, start=3)
    ids = torch.tensor([[1, 2, 3, 5, 6, 5]])  # prompt 1 2 3; the answer has said "5 6" and says 5 again
    scores = rule(ids, torch.zeros(1, 10))
    assert scores[0, 6] == float("-inf")
    assert scores[0, 2] == 0  # "1 2" stands in the prompt only


def test_each_distinct_prompt_is_decoded_once(tokenizer: PreTrainedTokenizerFast) -> None:
    pack, seen = packed(llama), []
    decode(GREEDY, pack, questions(), tokenizer, 64, lambda done, total, note: seen.append((done, total)))
    assert seen[-1] == (4 * 3, 4 * 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"beams": 1}, r"sampler.beams must be at least 2 \(sampler=greedy is the beam of one\), got 1"),
        ({"max_new_tokens": 0}, "sampler.max_new_tokens must be at least 1, got 0"),
        ({"no_repeat_ngram": 0}, "sampler.no_repeat_ngram must be at least 1 or null, got 0"),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Beam(**{"max_new_tokens": 5, "beams": 2, "length_penalty": 1.0, "no_repeat_ngram": None, **values})  # type: ignore[arg-type]
