from collections.abc import Sequence

import pytest
import torch
from shipped import METHODS, method_of
from tiny_models import full, lora, random_rows

from tunegrid.errors import ConfigError
from tunegrid.loss import linear_cross_entropy
from tunegrid.model import activations, memory
from tunegrid.model.activations import Stream, input_width
from tunegrid.model.count import adapted, shapes
from tunegrid.model.footprint import of_base
from tunegrid.model.memory import (
    DTYPE_BYTES,
    Adapter,
    Workload,
    fp32_rule,
    kept_bytes,
    training_memory,
)
from tunegrid.model.shapes import Shape
from tunegrid.pack import flat_attention
from tunegrid.pack.batch import Batch, CellRows, Row
from tunegrid.pack.pack import Member, Pack

from .conftest import ComposeModel

pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning"),
    pytest.mark.filterwarnings("ignore:fan_in_fan_out:UserWarning"),  # GPT-2 has both kinds of layers
]


def whole(modules: Sequence[Shape]) -> Adapter:
    """Full training."""
    return Adapter(of_base(modules, matrices=True, head=True), 1.0)


NOTHING = Workload(Stream(0, 0, 1), None, 0)


def test_rule_of_thumb_is_24_bytes_a_parameter() -> None:
    rule = fp32_rule(1_000_000_000)
    assert rule.total == 24_000_000_000
    assert (rule.weights, rule.gradients, rule.optimizer) == (4_000_000_000, 4_000_000_000, 8_000_000_000)


def test_full_training_without_a_batch_is_16_bytes_a_parameter(compose_model: ComposeModel) -> None:
    model = compose_model("gpt2_medium")
    modules = shapes(model)
    found = training_memory(model.config_values(), modules, "float32", NOTHING, [whole(modules)])
    head = 2 * 4 * 50_257 * 1024  # its gradient is summed up by chunks, whatever the batch
    assert found.total == 16 * 354_823_168 + head


def test_a_pack_shares_one_base(compose_model: ComposeModel) -> None:
    model = compose_model("smollm2_135m")
    values, modules = model.config_values(), shapes(model)
    small, large = Adapter(lora(1).footprint(modules), 0.5), Adapter(lora(1024).footprint(modules), 0.5)
    one = training_memory(values, modules, "bfloat16", NOTHING, [small])
    pack = training_memory(values, modules, "bfloat16", NOTHING, [small, large])
    trained = 30 * ((576 + 576) + (576 + 192))
    assert one.weights == 2 * 134_515_008 + 4 * trained
    assert pack.total - one.total == 1024 * trained * (4 + 4 + 8)


def test_constants_are_those_of_the_code_they_stand_for() -> None:
    assert memory.LABEL_CHUNK == linear_cross_entropy.CHUNK
    assert activations.FUSED_FROM == flat_attention.EXPLICIT_BELOW


def test_layers_that_share_an_input_count_once(compose_model: ComposeModel) -> None:
    modules = shapes(compose_model("smollm2_135m"))
    assert input_width(adapted(modules, ["query", "value"])) == 30 * 576
    assert input_width(adapted(modules, ["all-linear"])) == 30 * (576 + 576 + 576 + 1536)


@pytest.mark.parametrize("architecture", ["LLAMA", "GPT2", "T5"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("method", ["lora", "dropout", "full"])
@pytest.mark.parametrize("longest", [30, 300])
def test_activations_match_what_autograd_keeps(
    architecture: str, precision: str, method: str, longest: int, compose_model: ComposeModel
) -> None:
    model = compose_model("tiny", f"model.architecture={architecture}", "model.hidden=128", "model.layers=3")
    values, modules = model.config_values(), shapes(model)
    methods = {
        "lora": [lora(8), lora(64)],
        "dropout": [lora(8, dropout=0.5)],
        "full": [full()],
    }[method]
    members = [Member(f"cell_{place}", one, place) for place, one in enumerate(methods)]
    pack = Pack(model.load(precision), members, pad=0)
    batch = pack.forward.collate(
        [
            CellRows(member.name, _rows(4, place, longest), torch.Generator().manual_seed(place))
            for place, member in enumerate(members)
        ]
    )
    units = [share.units for share in batch.shares]
    adapters = [Adapter(one.footprint(modules), own / sum(units)) for one, own in zip(methods, units, strict=True)]
    estimate = kept_bytes(values, DTYPE_BYTES[precision], adapters, _workload(batch))
    assert estimate == pytest.approx(_kept_by_autograd(pack, batch), rel=0.15)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("option", [option for option in METHODS if option not in ("base", "bitfit", "qlora")])
def test_activations_of_every_method_match_what_autograd_keeps(
    option: str, precision: str, compose_model: ComposeModel
) -> None:
    model = compose_model("tiny", "model.hidden=128", "model.layers=6")  # the first keeps less
    method, modules = method_of(option), shapes(model)
    draw = torch.Generator().manual_seed(0)
    pack = Pack(model.load(precision), [Member("cell", method, 0)], pad=0)
    pack.attached["cell"].before_step(draw)
    rows = pack.own_rows("cell", _rows(8, 0, 60))
    batch = pack.forward.collate([CellRows("cell", rows, draw)])
    adapter = Adapter(method.footprint(modules), 1.0)
    estimate = kept_bytes(model.config_values(), DTYPE_BYTES[precision], [adapter], _workload(batch))
    assert estimate == pytest.approx(_kept_by_autograd(pack, batch), rel=0.15)


def test_an_architecture_without_an_estimate_is_named() -> None:
    load = Workload(Stream(1, 1, 1), None, 1)
    with pytest.raises(ConfigError, match=r"no memory estimate for the architecture 'mamba'.*one step"):
        training_memory({"model_type": "mamba", "vocab_size": 10}, [], "float32", load, [])


def _rows(count: int, seed: int, longest: int) -> list[Row]:
    """Rows within the vocabulary of a tiny model."""
    return [Row(row.prompt % 256, row.completion % 256) for row in random_rows(count, seed, longest)]


def _workload(batch: Batch) -> Workload:
    labels = len(batch.labels.ids)
    if batch.flat_rows is not None:
        return Workload(Stream(batch.tokens, batch.flat_rows.count, batch.flat_rows.longest), None, labels)
    assert batch.decoder_ids is not None
    rows, prompt = batch.input_ids.shape
    targets = Stream(batch.decoder_ids.numel(), rows, max(prompt, batch.decoder_ids.shape[1]))
    return Workload(Stream(batch.input_ids.numel(), rows, prompt), targets, labels)


def _kept_by_autograd(pack: Pack, batch: Batch) -> int:
    """Bytes of every distinct tensor that a forward pass keeps, parameters, buffers and what the loss keeps apart."""
    own = {tensor.untyped_storage().data_ptr() for tensor in [*pack.adapted.parameters(), *pack.adapted.buffers()]}
    saved: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        at_loss = tensor.shape[-1:] == (pack.base.config.vocab_size,) or tensor.shape[:1] == (len(batch.labels.ids),)
        if tensor.untyped_storage().data_ptr() not in own and not at_loss:
            saved[tensor.untyped_storage().data_ptr()] = tensor  # kept alive, so that no address is used twice
        return tensor

    weights = torch.ones(len(batch.labels.ids))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), pack.router.over(*batch.shares):
        total, _ = pack.forward.losses(batch, weights, 0.0)
    return sum(tensor.untyped_storage().nbytes() for tensor in saved.values()) + _masks(total)


def _masks(total: torch.Tensor) -> int:
    """Bytes of the dropout masks that the LoRA products in the graph of `total` hold on to."""
    seen, todo, masks = set(), [total.grad_fn], 0
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        todo += [following for following, _ in node.next_functions]
        masks += sum(part.keep.nbytes for part in getattr(node, "parts", ()) if part.keep is not None)
    return masks
