"""A base divided over the ranks by FSDP2: a layer is whole while it is used. Imports torch and lightning."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from tunegrid.hardware.collective import whole
from tunegrid.hardware.data_parallel import DataParallel
from tunegrid.hardware.place import here
from tunegrid.loss.token_distribution import Likelihood
from tunegrid.pack.batch import Batch, CellRows
from tunegrid.pack.forward import Forward
from tunegrid.pack.pack import Pack


class FullySharded(DataParallel):
    """Our DDP for weights that are where they belong already, and that none of its collectives may touch."""

    def setup(self, trainer: Trainer) -> None:
        """Leave the module as it is, and where it is."""
        assert self.accelerator is not None
        self.accelerator.setup(trainer)
        if trainer.state.fn == TrainerFn.FITTING:
            self.setup_optimizers(trainer)
        self.setup_precision_plugin()

    def teardown(self) -> None:
        """Leave the shards on their device: the next to read them gathers them there."""
        assert self.accelerator is not None
        self.precision_plugin.teardown()
        self.accelerator.teardown()


@contextmanager
def sharded(pack: Pack, device: torch.device) -> Iterator[None]:
    """Divide the base of `pack` over the ranks inside the block; rank 0 has an ordinary model again after it.

    The base may come from main memory: only shards stay on `device`. Adapters are whole on every rank. A block that is
    left by an error leaves the model divided.
    """
    own = _adapters(pack)
    for parameter in own:
        parameter.data = parameter.data.to(device)
    before, root = pack.forward, _Root(pack.base, pack.forward)
    with _everywhere_backward(pack):
        kinds = _shard([*_layers(pack.base), root], device, own)
        pack.forward = JointForward(before, root)
        yield
        pack.forward = before
    _put_together(pack.base, kinds)


TOGETHER = "ranks that share a base compute nothing but losses together"


@dataclass(frozen=True, slots=True)
class JointForward(Forward):
    """A forward that every rank runs at the same time as all others, for none has all the weights."""

    own: Forward
    root: "_Root"
    joint = True

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.own.name

    def collate(self, cells: Sequence[CellRows]) -> Batch:
        return self.own.collate(cells)

    def losses(self, batch: Batch, weights: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        return cast(tuple[Tensor, Tensor], self.root(batch, weights, smoothing))

    def states(self, batch: Batch) -> Tensor:
        raise NotImplementedError(TOGETHER)

    def likelihood(self, batch: Batch, temperature: float, banned: int | None) -> Likelihood:
        raise NotImplementedError(TOGETHER)


class _Root(nn.Module):
    """A whole pass: inside it the weights of no layer are there too, also for a loss that reads the head's itself."""

    def __init__(self, model: PreTrainedModel, run: Forward):
        super().__init__()
        self.model, self.run = model, run

    def forward(self, batch: Batch, weights: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        return self.run.losses(batch, weights, smoothing)


def _adapters(pack: Pack) -> set[nn.Parameter]:
    """What is trained beside the base's own parameters."""
    return {p for member in pack.members for p in pack.trainable(member).values() if not pack.is_of_base(p)}


def _layers(model: PreTrainedModel) -> list[nn.Module]:
    """Encoder and decoder layers, inner ones first: what transformers says is not to be divided further."""
    names = set(model._no_split_modules or ())
    return [module for module in model.modules() if type(module).__name__ in names][::-1]


@contextmanager
def _everywhere_backward(pack: Pack) -> Iterator[None]:
    """Let every backward pass go through every layer, whichever of them the pass' cells adapt: all ranks gather."""
    pack.base.enable_input_require_grads()
    yield
    pack.base.disable_input_require_grads()


def _shard(
    units: Sequence[nn.Module], device: torch.device, spared: set[nn.Parameter]
) -> dict[nn.Module, type[nn.Module]]:
    """Divide the units over the ranks, all but the parameters that are `spared`; returns what each unit was."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
    mesh = init_device_mesh(device.type, (here().count,))
    kinds = {unit: type(unit) for unit in units}
    for unit in units:
        fully_shard(unit, mesh=mesh, ignored_params=spared)
        cast(FSDPModule, unit).set_gradient_divide_factor(1.0)  # losses are divided by the labels of all ranks
        cast(FSDPModule, unit).set_force_sum_reduction_for_comms(True)  # gloo knows no other
    return kinds


def _put_together(model: PreTrainedModel, kinds: dict[nn.Module, type[nn.Module]]) -> None:
    """Undo `_shard` on rank 0; the others take part, and keep their shards."""
    for unit in kinds:
        cast(FSDPModule, unit).reshard()
    made: dict[nn.Parameter, nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if isinstance(parameter, DTensor):
                if parameter not in made:  # tied weights are in several modules
                    made[parameter] = _gathered(parameter)
                setattr(module, name, made[parameter])
    for unit, kind in kinds.items():
        state = cast(Any, fully_shard).state(unit)
        state._pre_forward_hook_handle.remove()
        state._post_forward_hook_handle.remove()
        unit.__class__ = kind


def _gathered(parameter: DTensor) -> nn.Parameter:
    """The whole of a parameter in place of its shard on rank 0; on the others the shard itself."""
    full = whole(parameter.detach())
    if here().rank > 0:
        return cast(nn.Parameter, parameter)
    parameter.to_local().untyped_storage().resize_(0)  # FSDP's own records still refer to it
    return nn.Parameter(full, parameter.requires_grad)
