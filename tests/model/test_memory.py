import pytest
import torch
from peft import LoraConfig, get_peft_model

from tunegrid.errors import ConfigError
from tunegrid.model.count import adapted, shapes
from tunegrid.model.memory import Adapter, Workload, fp32_rule, full_memory, lora_memory
from tunegrid.model.target_layers import target_layers

from .conftest import ComposeModel

pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning"),
    pytest.mark.filterwarnings("ignore:fan_in_fan_out:UserWarning"),  # GPT-2 has both kinds of layers
]
PROMPT, COMPLETION = 200, 100


def test_rule_of_thumb_is_24_bytes_a_parameter() -> None:
    memory = fp32_rule(1_000_000_000)
    assert memory.total == 24_000_000_000
    assert (memory.weights, memory.gradients, memory.optimizer) == (4_000_000_000, 4_000_000_000, 8_000_000_000)


def test_full_training_without_a_batch_is_16_bytes_a_parameter(compose_model: ComposeModel) -> None:
    model = compose_model("gpt2_medium")
    memory = full_memory(model.config_values(), shapes(model), "float32", Workload(0, 0, 0, 1))
    assert memory.total == 16 * 354_823_168


def test_a_pack_shares_one_base(compose_model: ComposeModel) -> None:
    model = compose_model("smollm2_135m")
    values, modules = model.config_values(), shapes(model)
    layers = adapted(modules, ["query", "value"])
    one = lora_memory(values, modules, "bfloat16", Workload(0, 0, 0, 1), [Adapter(layers, 1)])
    pack = lora_memory(values, modules, "bfloat16", Workload(0, 0, 0, 1), [Adapter(layers, 1), Adapter(layers, 1024)])
    trained = 30 * ((576 + 576) + (576 + 192))
    assert one.weights == 2 * 134_515_008 + 4 * trained
    assert pack.total - one.total == 1024 * trained * (4 + 4 + 8)


@pytest.mark.parametrize("architecture", ["LLAMA", "GPT2", "T5"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("lora", [True, False])
def test_activations_match_what_autograd_keeps(
    architecture: str, precision: str, lora: bool, compose_model: ComposeModel
) -> None:
    model = compose_model("tiny", f"model.architecture={architecture}", "model.hidden=128", "model.layers=3")
    values, modules = model.config_values(), shapes(model)
    load = Workload(PROMPT, COMPLETION if model.is_encoder_decoder else 0, 0, PROMPT)
    if lora:
        adapters = [Adapter(adapted(modules, ["query", "value"]), 8)]
        estimate = lora_memory(values, modules, precision, load, adapters).activations
    else:
        estimate = full_memory(values, modules, precision, load).activations
    assert estimate == pytest.approx(_kept_by_autograd(model.load(precision), lora), rel=0.15)


def test_an_architecture_without_an_estimate_is_named(compose_model: ComposeModel) -> None:
    with pytest.raises(ConfigError, match=r"no memory estimate for the architecture 'mamba'.*one step"):
        full_memory({"model_type": "mamba", "vocab_size": 10}, [], "float32", Workload(1, 0, 1, 1))


def _kept_by_autograd(model: torch.nn.Module, lora: bool) -> int:
    """Bytes of every distinct tensor that the forward pass saves, parameters and buffers apart."""
    if lora:
        get_peft_model(model, LoraConfig(r=8, target_modules=target_layers(model, ["query", "value"])))
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    own = {tensor.untyped_storage().data_ptr() for tensor in [*model.parameters(), *model.buffers()]}
    saved: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            saved[tensor.untyped_storage().data_ptr()] = tensor  # kept alive, so that no address is used twice
        return tensor

    tokens = torch.randint(3, 250, (1, PROMPT))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        if model.config.is_encoder_decoder:
            model.train()(input_ids=tokens, decoder_input_ids=tokens[:, :COMPLETION])
        else:
            model.train().base_model(input_ids=tokens, use_cache=False)
    return sum(tensor.untyped_storage().nbytes() for tensor in saved.values())
