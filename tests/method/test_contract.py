"""What every method promises, tried on a tiny Llama, GPT-2 and T5: options are found, not listed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from shipped import METHODS, method_of
from tiny_models import gpt2, llama, random_rows, t5
from tiny_training import MACHINE, Outcome, members, sft, train
from torch import Tensor
from transformers import PreTrainedModel

from tunegrid.adaptation import UnmergeableError
from tunegrid.data.token_rows import PreparedData, TokenizedRows
from tunegrid.errors import ConfigError
from tunegrid.hardware import Precision
from tunegrid.method import Alone
from tunegrid.model.quantise import quantise
from tunegrid.model.split_attention import split
from tunegrid.pack.batch import Row
from tunegrid.pack.pack import Member, Pack
from tunegrid.pack.route import Share

TRAINING = [option for option in METHODS if option != "base"]
MODELS: dict[str, Callable[[], PreTrainedModel]] = {"llama": llama, "gpt2": gpt2, "t5": t5}
REFUSED = {
    ("bitfit", "llama"): "method=bitfit trains biases, and this model .llama. has none; .* method=layer_norm",
    ("bitfit", "t5"): "method=bitfit trains biases, and this model .t5. has none",
    ("prefix", "t5"): "method=prefix learns keys .* this encoder-decoder .t5. .* method=prompt_tuning",
}
"""Methods that a model has no place for, and what they say."""
CHANGES_AT_ONCE = {"prompt_tuning", "p_tuning", "multitask_prompt", "prefix", "vblora"}
"""Methods whose untrained parameters already change the model's answers."""
UNMERGEABLE = {"adapter", "prompt_tuning", "p_tuning", "multitask_prompt", "prefix"}
"""Methods whose effect no weights of the model can have."""
NOT_UNDONE = dict.fromkeys(
    ("full", "bitfit", "layer_norm", "last_layers", "embeddings"), "have replaced the base's"
) | {
    "dora": "gives each output's weights another length",
    "qlora": "a base rounded to four bits",
}
"""Methods that cannot be taken out of merged weights again, and why."""
RATES = {
    "full": 3e-3,
    "last_layers": 1e-2,
    "bitfit": 0.1,
    "diff_pruning": 1e-3,
    "layer_norm": 0.1,
    "hra": 5e-2,
    "ia3": 0.2,
    "lokr": 0.1,
    "randlora": 1e-2,
    "road": 0.1,
    "vblora": 5e-2,
    "vera": 0.1,
}
"""Learning rates at which a method learns a few rows by heart, where 3e-2 is not one."""
ON_ALL_LAYERS = {"hra", "ia3", "lokr", "randlora", "road", "vera"}
"""Methods that learn those rows only with the parameters of every linear layer."""
STEPS = {"ia3": 400}
"""Steps that a method takes to it, where 150 are too few."""
OTHER = Member("base", method_of("base"), 0)
QUESTION = torch.tensor([[5, 9, 17, 3, 88, 120]])


def combinations() -> list[tuple[str, str]]:
    return [(option, model) for option in TRAINING for model in MODELS if (option, model) not in REFUSED]


def trained(option: str, model: str, folder: Path, steps: int, prepared: PreparedData | None = None) -> Outcome:
    rate = RATES.get(option, 3e-2)
    objective = sft(steps=steps, batch_size=8, learning_rate=rate, weight_decay=0.0, validate_every=steps)
    wide = prepared is not None and option in ON_ALL_LAYERS
    of = members(replace(method_of(option), targets=["all-linear"]) if wide else method_of(option))
    return train(of, [objective], folder, MACHINE, prepared=prepared, base=base_of(option, model))


def base_of(option: str, model: str, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """The model as `run` hands it to a pack."""
    base, how = split(MODELS[model]()).to(dtype), method_of(option).quantisation()
    return base if how is None else quantise(base, how, torch.device("cpu"))


def answer(model: torch.nn.Module) -> Tensor:
    """Logits for one row, as transformers computes them; behind a prompt, which PEFT gives logits too."""
    more = {"decoder_input_ids": QUESTION} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        return model.eval()(input_ids=QUESTION, **more).logits[:, -QUESTION.shape[1] :]


def answer_in_pack(pack: Pack) -> Tensor:
    """Logits for the same row behind the cell's virtual tokens."""
    own = pack.own_rows(pack.members[0].name, [Row(QUESTION[0], QUESTION[0])])[0].prompt[None]
    more = {"decoder_input_ids": QUESTION} if pack.base.config.is_encoder_decoder else {}
    with torch.no_grad(), pack.generating(), pack.router.over(Share(pack.members[0].name, 1)):
        return pack.base(input_ids=own, **more).logits[:, -QUESTION.shape[1] :]


@pytest.mark.parametrize(("option", "model"), REFUSED)
def test_a_model_without_a_place_for_the_method_is_refused(option: str, model: str) -> None:
    with pytest.raises(ConfigError, match=REFUSED[option, model]):
        Pack(split(MODELS[model]()), members(method_of(option)), 0)


@pytest.mark.parametrize(("option", "model"), combinations())
def test_only_its_own_parameters_change(option: str, model: str, tmp_path: Path) -> None:
    untouched = base_of(option, model).state_dict()
    outcome = trained(option, model, tmp_path, 3)
    own = {id(p) for p in outcome.pack.trainable(outcome.pack.members[0]).values()}
    assert own
    for name, parameter in outcome.pack.base.named_parameters():
        key = name.replace(".base_layer", "")
        if key in untouched:
            changed = not torch.equal(parameter, untouched[key])
            assert not changed or id(parameter) in own, key
    assert (answer_in_pack(outcome.pack) - answer(base_of(option, model))).abs().max() > 1e-4


@pytest.mark.parametrize(("option", "model"), combinations())
def test_it_starts_as_the_base_model(option: str, model: str) -> None:
    pack = Pack(base_of(option, model), members(method_of(option)), 0)
    difference = (answer_in_pack(pack) - answer(base_of(option, model))).abs().max()
    assert (difference > 1e-3) if option in CHANGES_AT_ONCE else (difference < 1e-4)


@pytest.mark.parametrize(("option", "model"), combinations())
def test_saved_loaded_put_beside_others_and_merged_it_answers_as_before_and_comes_out_again(
    option: str, model: str, tmp_path: Path
) -> None:
    pack = trained(option, model, tmp_path, 3).pack
    name, folder = pack.members[0].name, tmp_path / "adapter"
    folder.mkdir()
    pack.attached[name].save(folder)
    adaptation, wanted = pack.attached[name].adaptation, answer_in_pack(pack)
    saved = replace(pack.members[0], saved=folder)
    others = [] if isinstance(saved.method.pack_family(), Alone) else [replace(saved, name="beside"), OTHER]
    again = Pack(base_of(option, model), [saved, *others], 0)
    torch.testing.assert_close(answer_in_pack(again), wanted, rtol=1e-4, atol=1e-4)
    loaded = adaptation.load(MODELS[model](), folder)
    torch.testing.assert_close(answer(loaded), wanted, rtol=1e-4, atol=1e-4)
    if option in UNMERGEABLE:
        with pytest.raises(UnmergeableError):
            adaptation.merged(loaded)
        return
    adaptation.merged(loaded).save_pretrained(tmp_path / "merged")
    plain = type(MODELS[model]()).from_pretrained(tmp_path / "merged")
    torch.testing.assert_close(answer(plain), wanted, rtol=1e-4, atol=1e-4)
    if option in NOT_UNDONE:
        with pytest.raises(UnmergeableError, match=NOT_UNDONE[option]):
            adaptation.unmerged(plain, folder)
        return
    found, published = adaptation.unmerged(plain, folder).state_dict(), MODELS[model]().state_dict()
    for key, weight in published.items():
        assert (found[key] - weight).abs().max() <= 1e-6 * weight.abs().max(), key


@pytest.mark.parametrize("option", TRAINING)
def test_it_learns_eight_rows(option: str, tmp_path: Path) -> None:
    model = next(model for model in MODELS if (option, model) not in REFUSED)
    completion = random_rows(1, 5)[0].completion[:4].tolist()  # the same, so that a few numbers can hold it
    eight = TokenizedRows.of([(row.prompt.tolist(), completion) for row in random_rows(8, 3)])
    prepared = PreparedData(eight, eight, [], (0,), "fingerprint", ())
    outcome = trained(option, model, tmp_path, STEPS.get(option, 150), prepared)
    validation = outcome.trained[0].validation
    nats = validation[:, 0].sum() / validation[:, 1].sum()
    assert nats < 0.1  # untrained: about 6


@pytest.mark.parametrize(
    "option", [option for option in TRAINING if not isinstance(method_of(option).pack_family(), Alone)]
)
def test_a_cell_in_a_pack_is_the_cell_alone(option: str, tmp_path: Path) -> None:
    of = members(method_of(option), method_of(option), method_of("base"), seeds=[3, 4, 5])
    objectives = [sft(steps=4), sft(steps=4, batch_size=3, learning_rate=3e-3), sft(steps=4)]
    together = train(of, objectives, tmp_path / "together", base=base_of(option, "llama"))
    for place in range(2):
        alone = train([of[place]], [objectives[place]], tmp_path / f"{place}", base=base_of(option, "llama"))
        assert together.journals[place].column("loss") == pytest.approx(alone.journals[0].column("loss"), abs=1e-5)


@pytest.mark.parametrize("option", TRAINING)
def test_it_trains_and_answers_on_a_base_in_bfloat16(option: str, tmp_path: Path) -> None:
    model = next(model for model in MODELS if (option, model) not in REFUSED)
    base = base_of(option, model, torch.bfloat16)
    hardware = replace(MACHINE, precision=Precision.bfloat16)
    outcome = train(members(method_of(option)), [sft(steps=2)], tmp_path, hardware, base=base)
    assert torch.tensor(outcome.journals[0].column("loss")).isfinite().all()
    answered = answer_in_pack(outcome.pack)
    assert answered.dtype is torch.bfloat16
    assert answered.isfinite().all()
