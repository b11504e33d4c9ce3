"""Decoding cells with virtual tokens in a pack: against each cell alone, and against PEFT's own generation."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from adaptation.virtual_packs import BASE, multitask, p_tuning, packed, prefix, prompt
from tiny_models import gpt2, llama, lora, t5
from tiny_training import data
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from tunegrid.data.token_rows import PreparedData, Question
from tunegrid.method import Method
from tunegrid.model.byte_tokenizer import byte_tokenizer
from tunegrid.pack.pack import Pack
from tunegrid.sampler import Sampler
from tunegrid.sampler.beam import Beam
from tunegrid.sampler.decode import decode
from tunegrid.sampler.greedy import Greedy

GREEDY = Greedy(max_new_tokens=12)
BEAM = Beam(max_new_tokens=12, beams=3, length_penalty=0.8, no_repeat_ngram=2)
PROMPTS = [[7, 8, 9], [40, 41, 42, 43, 44, 45], [60], [11, 12, 13, 14]]
END = 299
METHODS = {
    "narrow": lora(4),
    "prompt": prompt(5),
    "base": BASE,
    "prefix": prefix(4),
    "computed": p_tuning(3),
    "shared": multitask(2),
}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return byte_tokenizer(end_appended=False, longest=512)


def methods_for(make: Callable[[], PreTrainedModel]) -> dict[str, Method]:
    return {name: method for name, method in METHODS.items() if (make, name) != (t5, "prefix")}


def questions() -> PreparedData:
    given = data()
    asked = [Question(str(i), "", ids, ["a"]) for i, ids in enumerate(PROMPTS)]
    return PreparedData(given.train, given.validation, asked, (END,), "", ())


def answers(sampler: Sampler, pack: Pack, tokenizer: PreTrainedTokenizerFast, rows: int) -> dict[str, list[str]]:
    got = decode(sampler, pack, questions(), tokenizer, rows, lambda *_: None)
    return {member.name: of_member for member, of_member in zip(pack.members, got, strict=True)}


def alone(pack: Pack, name: str, make: Callable[[], PreTrainedModel]) -> Pack:
    """A pack of one cell with the weights that it has in `pack`."""
    made = packed(make, **{name: METHODS[name]})
    for key, parameter in made.attached[name].trainable().items():
        parameter.data.copy_(pack.attached[name].trainable()[key])
    return made


@pytest.mark.parametrize("sampler", [GREEDY, BEAM], ids=["greedy", "beam"])
@pytest.mark.parametrize("make", [llama, gpt2, t5])
def test_answers_of_a_pack_equal_those_of_each_cell_alone(
    make: Callable[[], PreTrainedModel], sampler: Sampler, tokenizer: PreTrainedTokenizerFast
) -> None:
    pack = packed(make, **methods_for(make))
    got = answers(sampler, pack, tokenizer, 15)
    for name in methods_for(make):
        assert got[name] == answers(sampler, alone(pack, name, make), tokenizer, 3)[name], name
    assert len({tuple(texts) for texts in got.values()}) == len(got)


@pytest.mark.filterwarnings("ignore:Position ids are not supported")  # PEFT's, about transformers' own
@pytest.mark.parametrize("make", [llama, gpt2, t5])
def test_greedy_answers_equal_pefts_own_generation(
    make: Callable[[], PreTrainedModel], tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    pack = packed(make, **methods_for(make))
    got = answers(GREEDY, pack, tokenizer, 15)
    for name in methods_for(make):
        if name in ("narrow", "base"):
            continue
        pack.attached[name].save(tmp_path / name)
        loaded = pack.attached[name].adaptation.load(make().eval(), tmp_path / name)
        assert got[name] == [generated(loaded, ids, tokenizer) for ids in PROMPTS], name


def generated(model: torch.nn.Module, ids: list[int], tokenizer: PreTrainedTokenizerFast) -> str:
    """One answer, as PEFT's `generate` gives it."""
    settings = GREEDY.settings()
    settings.eos_token_id, settings.pad_token_id = END, tokenizer.pad_token_id
    settings.decoder_start_token_id = 0 if model.config.is_encoder_decoder else None
    asked = torch.tensor([ids])
    out = model.generate(input_ids=asked, attention_mask=torch.ones_like(asked), generation_config=settings)
    start = 1 if model.config.is_encoder_decoder else len(ids)
    return tokenizer.decode(out[0, start:], skip_special_tokens=True).strip()
