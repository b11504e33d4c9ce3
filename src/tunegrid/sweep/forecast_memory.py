"""Peak memory that a pack will take in training, from its config and the lengths of its rows. Imports no torch."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tunegrid.cell.cell import Cell
from tunegrid.cell.identity import schema_name
from tunegrid.data.row_lengths import RowLengths
from tunegrid.hardware import Strategy
from tunegrid.method import Weights
from tunegrid.method.base import Base
from tunegrid.model.activations import Stream, blocks
from tunegrid.model.count import parameter_count
from tunegrid.model.footprint import Footprint
from tunegrid.model.memory import (
    DTYPE_BYTES,
    TRAINED_BYTES,
    Adapter,
    TrainingMemory,
    Workload,
    loss_bytes,
    training_memory,
)
from tunegrid.model.shapes import Shape, known_shapes
from tunegrid.objective.sft import Keep, Sft
from tunegrid.sweep.forecast_passes import Pass, objective_of, training_passes, validation_pass

PROCESS_BYTES = {"cpu": 540_000_000, "cuda": 0}
"""What a process holds before any weights: torch, transformers, PEFT, Lightning. A GPU's peak counts tensors alone."""
KERNEL_BYTES = {"float32": 0, "bfloat16": 300_000_000}
"""oneDNN's kernels on a CPU, once a few dozen passes have each brought a number of tokens of its own."""
HEAP_SHARE = {"float32": 0.5, "bfloat16": 0.25}
"""What the C library's heap on a CPU holds on to beyond the tensors that come and go in a step, as a share of these."""
OWN_WEIGHTS_HEAP_SHARE = 0.25
"""The same where the base's own weights are trained, which keeps no small adapters between the large tensors."""
VALIDATION_ROWS = 32
"""Rows in a validation batch (`objective.sft_training.VALIDATION_ROWS`)."""
PARTS = ("process", "weights", "gradients", "optimiser", "activations")
LAYER = re.compile(r".*?\.\d+\.")
"""What the names of a layer's modules begin with."""
GATHERED_LAYERS = 2
"""Layers of a divided base that are whole at once: the one in use, and the next, which is fetched meanwhile."""


@dataclass(frozen=True, slots=True)
class PackMemory:
    """Bytes at the moment of training that takes most."""

    process: int
    """Code and buffers."""
    training: TrainingMemory
    kept: int
    """Copies of the best weights so far."""
    heap: int
    """Freed, but not given back to the system."""

    @property
    def total(self) -> int:
        """All of it: what `Cost.peak_training_bytes` will be."""
        return self.process + self.training.total + self.kept + self.heap

    def parts(self) -> dict[str, int]:
        """Bytes by the names of `PARTS`; copies of the best weights count as weights, the heap's as activations."""
        own = self.training
        sizes = (self.process, own.weights + self.kept, own.gradients, own.optimizer, own.activations + self.heap)
        return dict(zip(PARTS, sizes, strict=True))


class UnknownMemoryError(Exception):
    """There is no forecast, and why."""


def pack_memory(cells: Sequence[Cell], lengths: RowLengths, device: str, precision: str) -> PackMemory:
    """The forecast for a pack. Raises `UnknownMemoryError` where model, method or objective are not known."""
    values = cells[0].run.model.config_values()
    modules = known_shapes(values)
    if modules is None or blocks(values) is None:
        raise UnknownMemoryError(f"the architecture {values.get('model_type')!r} is not known")
    for cell in cells:
        if not isinstance(cell.run.objective, Sft):
            raise UnknownMemoryError(f"objective={schema_name('objective', cell.run.objective)} is not known to it")
    own_precision = precision if cells[0].run.method.base_weights() is Weights.hardware else "float32"
    state = _State(cells, lengths, device, own_precision, values, modules)
    moments = state.moments()
    if cells[0].run.hardware.strategy is Strategy.fsdp:
        moments = (part for moment in moments for part in state.on_a_rank(moment))
    return max(moments, key=lambda moment: moment.total)


@dataclass(frozen=True, slots=True)
class _State:
    """What the moments of a pack's training have in common."""

    cells: Sequence[Cell]
    lengths: RowLengths
    device: str
    precision: str
    values: Mapping[str, Any]
    modules: Sequence[Shape]

    def moments(self) -> Iterator[PackMemory]:
        """Those at which memory can be at its peak."""
        training = [cell for cell in self.cells if not isinstance(cell.run.method, Base)]
        trained = [self._footprint(cell).trained for cell in training]
        load = self._workload(validation_pass(self.cells[0], VALIDATION_ROWS, self.lengths))
        logits = loss_bytes(self.values, DTYPE_BYTES[self.precision], False, load)
        if not training:
            weights = parameter_count(self.modules) * DTYPE_BYTES[self.precision]
            yield self._moment(TrainingMemory(weights, 0, 0, logits), 0)
            return
        best = [
            TRAINED_BYTES * count if objective_of(cell).keep is Keep.best else 0
            for cell, count in zip(training, trained, strict=True)
        ]
        again = any(objective_of(cell).steps > objective_of(cell).validate_every for cell in training)
        kept = sum(best) if again else 0  # with one validation, at the end, there is nothing to keep before
        passes = training_passes(training, self.lengths)
        forward = max((self._forward(training, one) for one in passes.largest), key=lambda memory: memory.total)
        before = _gradients_before_last(len(training), passes.per_step)
        yield self._moment(replace(forward, gradients=int(before * forward.gradients)), kept)
        yield self._moment(replace(forward, activations=self._embedding_gradient()), kept)
        yield self._moment(replace(forward, activations=logits), kept)
        # Better weights are copied while the copy of those that were best before is still there.
        yield self._moment(replace(forward, activations=0), sum(best) + (max(best) if again else 0))

    def on_a_rank(self, moment: PackMemory) -> Iterator[PackMemory]:
        """Of a base that is divided over the ranks: at a moment of training, and when rank 0 has it whole after it."""
        ranks, size = self.cells[0].run.hardware.devices, DTYPE_BYTES[self.precision]
        base, gathered = size * parameter_count(self.modules), size * gathered_parameters(self.modules)
        own, kept = moment.training, moment.kept
        shares = replace(own, weights=own.weights - base + base // ranks)
        in_pass = replace(shares, weights=shares.weights + gathered)
        if self._footprint(self.cells[0]).of_base:
            shares = replace(shares, gradients=own.gradients // ranks, optimizer=own.optimizer // ranks)
            whole = gathered if own.gradients else 0
            in_pass = replace(shares, weights=in_pass.weights, gradients=shares.gradients + whole)
            kept //= ranks
        yield replace(moment, training=in_pass, kept=kept)
        yield replace(moment, training=replace(shares, weights=own.weights, activations=0), kept=kept, heap=0)

    def _moment(self, memory: TrainingMemory, kept: int) -> PackMemory:
        if self.device != "cpu":
            return PackMemory(PROCESS_BYTES[self.device], memory, kept, 0)
        share = OWN_WEIGHTS_HEAP_SHARE if self._footprint(self.cells[0]).of_base else HEAP_SHARE[self.precision]
        process = PROCESS_BYTES["cpu"] + KERNEL_BYTES[self.precision]
        return PackMemory(process, memory, kept, int(share * memory.activations))

    def _footprint(self, cell: Cell) -> Footprint:
        return cell.run.method.footprint(self.modules)

    def _forward(self, training: Sequence[Cell], one: Pass) -> TrainingMemory:
        """At the end of a pass' forward, all gradients being there."""
        load = self._workload(one)
        adapters = [
            Adapter(self._footprint(cell), one.tokens.get(place, 0) / one.size) for place, cell in enumerate(training)
        ]
        how = training[0].run.method.quantisation()
        return training_memory(self.values, self.modules, self.precision, load, adapters, how)

    def _workload(self, one: Pass) -> Workload:
        if not any(block.decoder for block in blocks(self.values) or ()):
            return Workload(Stream(one.size, one.rows, one.longest), None, one.labels)
        prompts = Stream(one.rows * one.longest_prompt, one.rows, one.longest_prompt)
        attended = max(one.longest_prompt, one.longest_completion)
        targets = Stream(one.rows * one.longest_completion, one.rows, attended)
        return Workload(prompts, targets, one.labels)

    def _embedding_gradient(self) -> int:
        """Of a trained embedding that is the head too: it is made whole before it is added to the head's."""
        head = self._footprint(self.cells[0]).head
        return TRAINED_BYTES * self.modules[0].parameters if head else 0


def gathered_parameters(modules: Sequence[Shape]) -> int:
    """Parameters of a divided base that are whole on every rank in a pass: those of no layer, and of some layers."""
    layers: Counter[str] = Counter()
    outside = 0
    for module in modules:
        if layer := LAYER.match(module.name):
            layers[layer.group()] += module.parameters
        else:
            outside += module.parameters
    return outside + GATHERED_LAYERS * max(layers.values(), default=0)


def _gradients_before_last(cells: int, passes: int) -> float:
    """The share of the gradients that is there when the last of a step's passes has gone forward."""
    return 1.0 if passes > cells else (passes - 1) / passes
