"""What a method says it trains, without torch, against the modules that PEFT and we really make."""

from dataclasses import replace

import pytest
from method.test_contract import MODELS, REFUSED, TRAINING
from shipped import method_of

from tunegrid.method import Method
from tunegrid.method.p_tuning import Reparametrisation
from tunegrid.method.prefix import Prefix
from tunegrid.model.shapes import known_shapes
from tunegrid.model.split_attention import split
from tunegrid.pack.pack import Member, Pack

VARIANTS: dict[str, Method] = {
    "one factor of LoKr is low in rank": replace(method_of("lokr"), rank=2, factor=None),
    "LoKr's factor divides nothing": replace(method_of("lokr"), rank=1, factor=7),
    "P-tuning by an LSTM": replace(method_of("p_tuning"), reparametrisation=Reparametrisation.lstm, hidden=24),
    "prefix without an MLP": replace(method_of("prefix"), mlp=False, hidden=None),
    "IA3 on all layers": replace(method_of("ia3"), targets=["all-linear"]),
    "IA3 without MLPs": replace(method_of("ia3"), feedforward=False),
    "an adapter behind MLPs": replace(method_of("adapter"), placement=type(method_of("adapter").placement)("pfeiffer")),
    "RandLoRA whose rank divides nothing": replace(method_of("randlora"), rank=7),
    "one layer": replace(method_of("last_layers"), layers=1),
    "no gates of whole matrices": replace(method_of("diff_pruning"), structured=False),
}
OPTIONS = {option: method_of(option) for option in TRAINING} | VARIANTS
CASES = [
    (option, model)
    for option, method in OPTIONS.items()
    for model in MODELS
    if (option, model) not in REFUSED and not (isinstance(method, Prefix) and model == "t5")
]


@pytest.mark.parametrize(("option", "model"), CASES)
def test_as_many_parameters_are_trained_as_it_says(option: str, model: str) -> None:
    method, base = OPTIONS[option], MODELS[model]()
    modules = known_shapes(base.config.to_dict())
    assert modules is not None
    pack = Pack(split(base), [Member("cell", method, 0)], 0)
    made = sum(parameter.numel() for parameter in pack.trainable(pack.members[0]).values())
    assert method.footprint(modules).trained == made
