from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import BertConfig

from tunegrid.errors import ConfigError
from tunegrid.model.count import adapted, lora_count, meta_shapes, parameter_count, shapes
from tunegrid.model.shapes import Kind, Shape, known_shapes
from tunegrid.model.target_layers import target_layers

from .conftest import ComposeModel

pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning"),
    pytest.mark.filterwarnings("ignore:fan_in_fan_out:UserWarning"),  # GPT-2 has both kinds of layers
]
# As the model cards and papers give them (GPT-2's without its unused buffers).
PUBLISHED = {
    "gpt2": 124_439_808,
    "gpt2_medium": 354_823_168,
    "flan_t5_base": 247_577_856,
    "smollm2_135m": 134_515_008,
}
TINY = ["LLAMA", "GPT2", "T5"]


@pytest.mark.parametrize(("option", "count"), PUBLISHED.items())
def test_published_counts(option: str, count: int, compose_model: ComposeModel) -> None:
    assert parameter_count(shapes(compose_model(option))) == count


def test_lora_golden_512_by_64() -> None:
    layer = Shape("q", Kind.LINEAR, rows=512, columns=64)
    assert layer.parameters == 32_768
    assert lora_count([layer], rank=8) == 4_608
    assert 1 - lora_count([layer], rank=8) / layer.parameters == pytest.approx(0.86, abs=0.005)


@pytest.mark.parametrize("rank", [1, 4, 1024])
def test_lora_on_gpt2_medium_is_the_papers_count(rank: int, compose_model: ComposeModel) -> None:
    layers = adapted(shapes(compose_model("gpt2_medium")), ["query", "value"])
    assert len(layers) == 48
    assert lora_count(layers, rank) == 24 * 4096 * rank


def test_lora_on_smollm2_query_and_value(compose_model: ComposeModel) -> None:
    layers = adapted(shapes(compose_model("smollm2_135m")), ["query", "value"])
    assert lora_count(layers, rank=8) == 30 * 8 * ((576 + 576) + (576 + 192))


@pytest.mark.parametrize("architecture", TINY)
def test_closed_form_equals_transformers_own_modules(architecture: str, compose_model: ComposeModel) -> None:
    model = compose_model("tiny", f"model.architecture={architecture}", "model.layers=3")
    assert _as_set(shapes(model)) == _as_set(meta_shapes(model))


@pytest.mark.parametrize(
    "values",
    [
        {
            "attention_bias": True,
            "mlp_bias": True,
            "tie_word_embeddings": False,
            "num_key_value_heads": 2,
            "head_dim": 8,
        },
        {"num_key_value_heads": 1},
    ],
)
def test_closed_form_of_llama_variants(values: dict[str, object], compose_model: ComposeModel) -> None:
    model = compose_model("hub", "model.id=a/b")
    model.known_config = {
        **{"model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2},
        **{"num_attention_heads": 4, "vocab_size": 100, **values},
    }
    assert _as_set(shapes(model)) == _as_set(meta_shapes(model))


@pytest.mark.parametrize("architecture", TINY)
@pytest.mark.parametrize("targets", [["query", "value"], ["all-linear"]])
def test_lora_count_equals_pefts(architecture: str, targets: list[str], compose_model: ComposeModel) -> None:
    model = compose_model("tiny", f"model.architecture={architecture}")
    loaded = model.load("float32")
    adapter = get_peft_model(loaded, LoraConfig(r=3, target_modules=target_layers(loaded, targets)))
    trained = sum(weight.numel() for weight in adapter.parameters() if weight.requires_grad)
    assert lora_count(adapted(shapes(model), targets), rank=3) == trained


def test_a_real_llama(stories: Path, compose_model: ComposeModel) -> None:
    model = compose_model("local", f"model.path={stories}")
    loaded = model.load("float32")
    assert parameter_count(shapes(model)) == 260_032 == sum(weight.numel() for weight in loaded.parameters())


def test_another_architecture_is_counted_on_the_meta_device(compose_model: ComposeModel) -> None:
    model = compose_model("hub", "model.id=a/b")
    model.known_config = {"model_type": "gpt_neox", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
    assert known_shapes(model.config_values()) is None
    assert parameter_count(shapes(model)) > 0
    assert not torch.empty(0).is_meta  # the default device is back


def test_unknown_targets_and_architectures_are_named(compose_model: ComposeModel) -> None:
    modules = shapes(compose_model("tiny"))
    with pytest.raises(
        ConfigError, match=r"method.targets: unknown layer 'q_prj'; did you mean q_proj; known: .*v_proj"
    ):
        adapted(modules, ["q_prj"])
    model = compose_model("hub", "model.id=a/b")
    model.known_config = {"model_type": "no_such_net"}
    with pytest.raises(ConfigError, match=r"transformers has no architecture 'no_such_net'.*never run"):
        shapes(model)


def test_missing_sizes_fall_back_to_transformers() -> None:
    assert known_shapes({"model_type": "llama", "hidden_size": 64}) is None
    assert known_shapes(BertConfig().to_dict()) is None


def _as_set(modules: list[Shape]) -> set[Shape]:
    assert len(set(modules)) == len(modules)
    return set(modules)
