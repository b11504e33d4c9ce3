"""What tiny models make of passages and items, against transformers' and PEFT's own logits."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from shipped import METHODS, method_of
from tiny_models import gpt2, llama, lora, t5
from tiny_training import MACHINE, data, members, sft, train
from torch import Tensor
from transformers import PreTrainedModel

from tunegrid.errors import ConfigError
from tunegrid.forgetting import Item, Material
from tunegrid.forgetting.recall import Recall
from tunegrid.method import Alone
from tunegrid.model.byte_tokenizer import byte_tokenizer
from tunegrid.model.quantise import quantise
from tunegrid.model.split_attention import split
from tunegrid.objective.sft_training import train_pack
from tunegrid.pack.pack import Pack

MODELS = {"llama": llama, "gpt2": gpt2, "t5": t5}
MATERIAL = Material(
    ("A short passage of text.", "Another one, a little longer than that."),
    (
        Item("a", "One and one is", ("two", "eleven", "red"), 0),
        Item("b", "The sky", ("is blue.", "are blue."), 1),
        Item("a", "Up is", ("not down", "it"), 1),
    ),
)


def recall_of(pack: Pack, material: Material = MATERIAL) -> Recall:
    tokenizer = byte_tokenizer(pack.base.config.is_encoder_decoder, 128)
    return Recall.of(material, tokenizer, pack, MACHINE.tokens_per_pass)


def nats(model: PreTrainedModel, prompt: Tensor, completion: Tensor) -> float:
    """By transformers' own forward, the row alone; behind a prompt, which PEFT gives logits too."""
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            shifted = torch.cat([torch.tensor([model.config.decoder_start_token_id]), completion[:-1]])
            logits = model(input_ids=prompt[None], decoder_input_ids=shifted[None]).logits[0]
        else:
            logits = model(input_ids=torch.cat([prompt, completion])[None, :-1]).logits[0, -len(completion) :]
    return -float(logits.log_softmax(-1)[torch.arange(len(completion)), completion].sum())


def expected(model: PreTrainedModel, recall: Recall) -> tuple[list[float], list[float]]:
    """Nats of the passages, and which items are right by nats per character."""
    right, choices = [], iter(recall.choices)
    for item in recall.items:
        each = [nats(model, row.prompt, row.completion) for row in islice(choices, len(item.choices))]
        right.append(float(np.argmin(np.array(each) / [len(choice) for choice in item.choices]) == item.answer))
    return [nats(model, row.prompt, row.completion) for row in recall.passages], right


@pytest.mark.parametrize("name", MODELS)
def test_the_base_is_asked_as_transformers_would(name: str) -> None:
    recall = recall_of(Pack(split(MODELS[name]()), members(lora(2)), 0))
    found = recall.of_base()
    assert found is not None
    text, right = expected(MODELS[name]().eval(), recall)
    assert found.text[:, 0] == pytest.approx(text, abs=1e-3)
    assert found.choices[:, 1].tolist() == right


def test_every_token_of_a_passage_but_the_first_is_predicted_or_half_of_it() -> None:
    passage, ids = MATERIAL.passages[0], len(MATERIAL.passages[0])
    whole = recall_of(Pack(llama(), members(lora(2)), 0)).passages[0]
    assert (len(whole.prompt), len(whole.completion)) == (1, ids - 1)
    half = recall_of(Pack(t5(), members(lora(2)), 0)).passages[0]
    assert (len(half.prompt), len(half.completion)) == (ids // 2, ids + 1 - ids // 2)  # </s> is predicted too
    long = recall_of(Pack(llama(), members(lora(2)), 0), Material((passage * 50,), ())).passages[0]
    assert len(long.prompt) + len(long.completion) == 256


def pack_of(option: str) -> Pack:
    """The method on the first tiny model that has a place for it."""
    for model in MODELS:
        try:
            return Pack(base_of(option, model), members(method_of(option)), 0)
        except ConfigError:
            continue
    raise AssertionError(option)


def base_of(option: str, model: str) -> PreTrainedModel:
    how, base = method_of(option).quantisation(), split(MODELS[model]())
    return base if how is None else quantise(base, how, torch.device("cpu"))


@pytest.mark.parametrize("option", METHODS)
def test_the_base_alone_is_found_behind_every_method(option: str) -> None:
    pack = pack_of(option)
    if not isinstance(method_of(option).pack_family(), Alone):  # one that is alone is asked before it has changed
        with torch.no_grad():
            for parameter in pack.trainable(pack.members[0]).values():
                parameter.add_(0.5)
    found = recall_of(pack).of_base()
    assert found is not None
    plain = recall_of(Pack(base_of(option, pack.base.config.model_type), members(method_of("base")), 0)).of_base()
    assert plain is not None
    assert found.text == pytest.approx(plain.text, abs=1e-3)


@pytest.mark.parametrize("option", ["lora", "prompt_tuning", "prefix", "full"])
def test_a_member_is_asked_as_what_it_saves_would_be(option: str, tmp_path: Path) -> None:
    pack = train(members(method_of(option)), [sft(steps=3, learning_rate=3e-2)], tmp_path, base=split(gpt2())).pack
    (tmp_path / "adapter").mkdir()
    pack.attached[pack.members[0].name].save(tmp_path / "adapter")
    recall = recall_of(pack)
    (found,) = recall.of_members(recall.of_base())
    assert found is not None and found.tasks == ("a", "b", "a")
    loaded = pack.attached[pack.members[0].name].adaptation.load(gpt2(), tmp_path / "adapter").eval()
    text, right = expected(loaded, recall)
    assert found.after.text[:, 0] == pytest.approx(text, abs=1e-2)
    assert found.after.choices[:, 1].tolist() == right


def test_members_of_a_pack_are_asked_as_each_alone(tmp_path: Path) -> None:
    of = members(lora(4), method_of("prompt_tuning"), method_of("adapter"), method_of("base"))
    together = train(of, [sft(steps=3, learning_rate=3e-2)] * 4, tmp_path / "together").pack
    recall = recall_of(together)
    before = recall.of_base()
    found = recall.of_members(before)
    for place in range(3):
        alone = recall_of(train([of[place]], [sft(steps=3, learning_rate=3e-2)], tmp_path / f"{place}").pack)
        (own,) = alone.of_members(before)
        assert own is not None and found[place] is not None
        assert found[place].after.text == pytest.approx(own.after.text, abs=1e-3)
        assert np.abs(own.after.text[:, 0] - before.text[:, 0]).max() > 1e-2
    assert found[3] is not None and found[3].after is found[3].before is before


def test_who_stopped_early_is_not_asked_and_without_material_nobody_is() -> None:
    pack = Pack(llama(), members(lora(2), lora(4)), 0)
    recall = recall_of(pack)
    kept = recall.of_members(recall.of_base(), apart=[0])
    assert kept[0] is None and kept[1] is not None
    nothing = recall_of(pack, Material())
    assert not nothing.is_asked and nothing.of_base() is None and nothing.of_members(None) == [None, None]


def test_asking_changes_nothing_in_training(tmp_path: Path) -> None:
    of = members(lora(4, dropout=0.2), method_of("dora"), method_of("prefix"))
    unasked = train(of, [sft(steps=4)] * 3, tmp_path / "unasked")
    pack = Pack(llama(), of, 0)
    stream = torch.get_rng_state()
    recall_of(pack).of_base()
    assert torch.equal(torch.get_rng_state(), stream)
    journals = [type(own)(tmp_path / "asked" / m.name) for own, m in zip(unasked.journals, of, strict=True)]
    train_pack(pack, [sft(steps=4)] * 3, data(), MACHINE, journals, lambda *_: None)
    for own, other in zip(journals, unasked.journals, strict=True):
        assert own.rows == other.rows
