"""A cell that a search asks to stop stops alone, and goes on where it was when it is run again."""

from pathlib import Path

import numpy as np
from tiny_models import llama, lora
from tiny_training import MACHINE, MemoryJournal, data, members, sft, train

from tunegrid.cell.cell import STOP
from tunegrid.objective import Trained
from tunegrid.pack.pack import Member, Pack

CELLS = members(lora(1), lora(4, dropout=0.1), lora(8))
OBJECTIVES = [sft(learning_rate=1e-2)] * 3
TOLERANCE = 1e-5


def stopped(folder: Path) -> tuple[list[Trained], list[MemoryJournal]]:
    """A pack whose second cell is asked to stop at step 5."""
    journals = [MemoryJournal(folder / cell.name) for cell in CELLS]

    def report(done: int, total: int, note: str) -> None:
        if done == 5:
            journals[1].folder.mkdir(parents=True, exist_ok=True)
            (journals[1].folder / STOP).touch()

    pack = Pack(llama(), CELLS, pad=0)
    return OBJECTIVES[0].train(pack, OBJECTIVES, data(), MACHINE, journals, report), journals


def go_on(cell: Member, journal: MemoryJournal) -> Trained:
    pack = Pack(llama(), [cell], pad=0)
    return OBJECTIVES[0].train(pack, OBJECTIVES[:1], data(), MACHINE, [journal], lambda *_: None)[0]


def test_a_cell_that_is_asked_to_stop_stops_alone(tmp_path: Path) -> None:
    whole = train(CELLS, OBJECTIVES, tmp_path / "whole")
    trained, journals = stopped(tmp_path / "stopped")
    assert [one.pruned for one in trained] == [False, True, False]
    assert [one.steps for one in trained] == [20, 11, 20]
    assert [row["step"] for row in journals[1].rows if "val_loss" in row] == [5, 10, 11]
    rows = trained[1].validation.sum(0)
    np.testing.assert_allclose(rows[0] / rows[1], journals[1].column("val_loss")[-1])
    for i in (0, 2):
        expected = whole.journals[i].column("loss")
        np.testing.assert_allclose(journals[i].column("loss"), expected, atol=TOLERANCE)
        np.testing.assert_allclose(trained[i].validation, whole.trained[i].validation, atol=1e-3)


def test_a_cell_that_was_stopped_goes_on_to_where_it_would_have_come(tmp_path: Path) -> None:
    whole = train(CELLS, OBJECTIVES, tmp_path / "whole")
    _, journals = stopped(tmp_path / "stopped")
    (journals[1].folder / STOP).unlink()
    finished = go_on(CELLS[1], journals[1])
    assert (finished.pruned, finished.steps) == (False, 20)
    np.testing.assert_allclose(
        journals[1].column("loss"), whole.journals[1].column("loss"), atol=TOLERANCE, rtol=TOLERANCE
    )


def test_a_cell_that_has_taken_all_its_steps_is_not_stopped(tmp_path: Path) -> None:
    _, journals = stopped(tmp_path)
    (journals[0].folder / STOP).touch()
    assert not go_on(CELLS[0], journals[0]).pruned
