"""The forecast against what torch's allocator hands out while a pack of a tiny model trains."""

from pathlib import Path

import pytest
from command_line import SMALL
from tiny_training import MemoryJournal
from torch.profiler import ProfilerActivity, profile

from tunegrid.data import token_index
from tunegrid.data.tokenized import prepare
from tunegrid.hardware.machine import load_onto
from tunegrid.pack.pack import Member, Pack
from tunegrid.sweep.forecast import Engine, Forecasts
from tunegrid.sweep.forecast_memory import PackMemory
from tunegrid.sweep.grid import grid_from

TINY = (
    *SMALL,
    "model.hidden=128",
    "model.layers=4",
    "hardware=cpu",
    "hardware.threads=1",
    "objective.steps=2",
    "objective.warmup_steps=0",
    "objective.validate_every=1",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        ["method.rank=8,64", "hardware.precision=float32"],
        ["method.rank=8", "method.targets=[all-linear]", "method.dropout=0.1", "hardware.precision=bfloat16"],
        ["method.rank=8", "model.architecture=GPT2", "hardware.precision=float32"],
        ["method.rank=8", "model.architecture=T5", "hardware.precision=float32"],
        ["method=full", "model.hidden=256"],
        ["method=full", "model.architecture=T5"],
        ["method=dora", "hardware.precision=bfloat16"],
        ["method=hra", "hardware.precision=float32"],
        ["method=ia3", "hardware.precision=float32"],
        ["method=prompt_tuning", "hardware.precision=float32"],
        ["method=adapter", "hardware.precision=float32", "model.layers=8"],
        ["method=last_layers"],
    ],
)
def test_a_packs_peak_is_within_15_percent_of_what_is_allocated(overrides: list[str], tmp_path: Path):
    cells = grid_from([*TINY, *overrides]).cells
    run = cells[0].run
    tokenizer = run.model.load_tokenizer()
    data = prepare(run.data, tokenizer, run.prompt)
    token_index.remember(run.data, run.prompt, run.model.identity(), data)
    model = load_onto(run.hardware, run.model, run.method)
    members = [Member(f"cell_{cell.id}", cell.run.method, cell.run.seed) for cell in cells]
    pack = Pack(model, members, tokenizer.pad_token_id)
    memory = Forecasts(Engine(workers=1, elsewhere=False)).memory(cells)
    assert isinstance(memory, PackMemory)
    journals = [MemoryJournal(tmp_path / cell.id) for cell in cells]
    objectives = [cell.run.objective for cell in cells]
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as recorded:
        run.objective.train(pack, objectives, data, run.hardware, journals, lambda *_: None)
    weights = sum(weight.nbytes for weight in pack.adapted.parameters())
    assert memory.training.weights == weights
    assert memory.training.total + memory.kept == pytest.approx(weights + _peak(recorded), rel=0.15)


def _peak(recorded: profile) -> int:
    """Most bytes that were allocated, and not yet freed, since recording began."""
    events = [event for event in recorded.profiler.kineto_results.events() if event.name() == "[memory]"]
    total = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        total += event.nbytes()
        most = max(most, total)
    return most
