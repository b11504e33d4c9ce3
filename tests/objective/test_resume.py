"""A run that was stopped goes on as if it had not been."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from shipped import method_of
from tiny_models import full, llama, lora
from tiny_training import MACHINE, MemoryJournal, data, members, sft, train
from transformers import PreTrainedModel

from tunegrid import interrupt
from tunegrid.method import Weights
from tunegrid.method.lora import Initialisation
from tunegrid.objective.checkpoint import path_in
from tunegrid.objective.sft import Keep
from tunegrid.objective.sft_training import rows_at
from tunegrid.pack.batch import CellRows
from tunegrid.pack.pack import Pack

CASES = {
    "lora": [lora(4, dropout=0.1)],
    "pack": [lora(1), lora(8, dropout=0.1), lora(2), lora(4, dropout=0.2)],
    "full": [full()],
    "started": [replace(lora(4), initialisation=Initialisation.pissa)],
    "adalora": [replace(method_of("adalora"), steps=20, final_share=0.3, interval=3)],
    "masters": [full(Weights.hardware)],
    "gates": [method_of("diff_pruning")],
}


def base(case: str) -> PreTrainedModel:
    return llama().to(torch.bfloat16) if case == "masters" else llama()


ACCUMULATING = replace(MACHINE, tokens_per_pass=32)
"""A step of a cell is several passes."""


@pytest.fixture
def signals() -> Callable[[], None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    interrupt.install()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("stop_at", [1, 4, 10, 13, 18])
def test_a_stopped_run_goes_on_bit_for_bit(case: str, stop_at: int, tmp_path: Path, signals: None) -> None:
    cells, objectives = members(*CASES[case]), [sft(keep=Keep.best, learning_rate=1e-2)] * len(CASES[case])
    whole = train(cells, objectives, tmp_path / "whole", ACCUMULATING, base=base(case))

    pack = Pack(base(case), cells, pad=0)
    journals = [MemoryJournal(tmp_path / "cut" / cell.name) for cell in cells]

    def stop(done: int, total: int, note: str) -> None:
        if done == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(interrupt.Interrupted):
        objectives[0].train(pack, objectives, data(), ACCUMULATING, journals, stop)
    assert max(journals[0].column("step")) == stop_at

    second = Pack(base(case), cells, pad=0)
    trained = objectives[0].train(second, objectives, data(), ACCUMULATING, journals, lambda *_: None)
    for i, cell in enumerate(cells):
        assert journals[i].rows == whole.journals[i].rows
        np.testing.assert_array_equal(trained[i].validation, whole.trained[i].validation)
        for name, parameter in second.trainable(cell).items():
            assert torch.equal(parameter, whole.pack.trainable(cell)[name]), name


def test_a_damaged_checkpoint_is_not_read(tmp_path: Path) -> None:
    cells, objectives = members(lora(4)), [sft()]
    whole = train(cells, objectives, tmp_path)
    path = path_in(tmp_path / cells[0].name)
    path.write_bytes(path.read_bytes()[:-100])
    again = train(cells, objectives, tmp_path)
    assert again.journals[0].rows == whole.journals[0].rows


def test_best_weights_are_those_of_the_lowest_validation_loss(tmp_path: Path) -> None:
    """Four random rows learnt by heart tell nothing of others: every validation is worse than the one before."""
    wild = [sft(keep=Keep.best, learning_rate=0.03, clip_norm=None, warmup_steps=0)]
    prepared = data(rows=4)
    outcome = train(members(full()), wild, tmp_path, prepared=prepared)
    losses = outcome.journals[0].column("val_loss")
    rows = outcome.trained[0].validation
    assert rows[:, 0].sum() / rows[:, 1].sum() == pytest.approx(min(losses))
    assert sorted(losses) == losses
    assert outcome.trained[0].kept_step == 5

    member = outcome.pack.members[0]
    batch = outcome.pack.forward.collate([CellRows(member.name, rows_at(prepared.validation, range(10)), None)])
    with torch.no_grad(), outcome.pack.router.over(*batch.shares):
        nll = outcome.pack.forward.losses(batch, torch.zeros(len(batch.labels.ids)), 0.0)[1]
    assert float(nll.mean()) == pytest.approx(min(losses), rel=1e-5)  # the weights left in the model are those
