from pathlib import Path

import pytest
from cell.made_cells import cell, finished

from tunegrid.cell.cell import STOP, Cell
from tunegrid.cell.result import Status
from tunegrid.search.follow import Follower, Tail, following
from tunegrid.search.options import PrunerKind
from tunegrid.search.study import Stop, Study

SHORT = ("objective.steps=40", "objective.validate_every=10")


def pack(folder: Path, count: int) -> list[Cell]:
    return [cell(folder, *SHORT, "objective.warmup_steps=1", f"method.rank={rank}") for rank in range(1, count + 1)]


def validate(cells: list[Cell], step: int, losses: list[float]) -> None:
    for of, loss in zip(cells, losses, strict=True):
        of.append_metrics({"step": step, "loss": 9.0})
        of.append_metrics({"step": step, "val_loss": loss})


def follower(folder: Path, cells: list[Cell], pruner: PrunerKind, done: int = 0) -> Follower:
    study = Study.read(folder / "study.json", {})
    study.add_batch([({"method.rank": of.run.method.rank}, of.id) for of in cells])
    return Follower(pruner, study, 0, [cells], [{10: 1.0, 20: 0.9, 30: 0.8}] * done)


def asked(cells: list[Cell]) -> list[bool]:
    return [of.path(STOP).exists() for of in cells]


def test_the_worse_half_of_a_pack_is_asked_to_stop_and_that_is_recorded(tmp_path: Path):
    cells = pack(tmp_path, 4)
    watch = follower(tmp_path, cells, PrunerKind.successive_halving)
    validate(cells[:3], 10, [1.0, 4.0, 2.0])
    watch.look()
    assert asked(cells) == [False] * 4
    validate(cells[3:], 10, [3.0])
    watch.look()
    assert asked(cells) == [False, True, False, True]
    validate([cells[0], cells[2]], 20, [1.0, 0.5])
    watch.look()
    assert asked(cells) == [True, True, False, True]
    stops = [trial.stopped for trial in Study.read(tmp_path / "study.json", {}).trials]
    assert stops == [Stop(20, 1.0), Stop(10, 4.0), None, Stop(10, 3.0)]


def test_the_median_of_earlier_trials_stops_a_cell(tmp_path: Path):
    cells = pack(tmp_path, 2)
    watch = follower(tmp_path, cells, PrunerKind.median, done=5)
    validate(cells, 10, [0.9, 1.1])
    watch.look()
    assert asked(cells) == [False, True]


def test_a_cell_that_goes_on_is_asked_again_and_one_that_has_ended_is_not(tmp_path: Path):
    cells = pack(tmp_path, 2)
    watch = follower(tmp_path, cells, PrunerKind.successive_halving)
    validate(cells, 10, [1.0, 2.0])
    watch.look()
    cells[1].path(STOP).unlink()
    watch.look()
    assert asked(cells) == [False, True]
    cells[1].path(STOP).unlink()
    cells[1].write_result(finished(cells[1], Status.PRUNED))
    watch.look()
    assert asked(cells) == [False, False]


def test_an_interrupted_search_decides_the_same_again(tmp_path: Path):
    cells = pack(tmp_path, 4)
    validate(cells, 10, [4.0, 3.0, 2.0, 1.0])
    validate(cells, 20, [3.0, 2.0, 1.5, 0.5])
    watch = follower(tmp_path, cells, PrunerKind.successive_halving)
    watch.look()
    decided = watch.study.path.read_bytes()
    again = Follower(PrunerKind.successive_halving, Study.read(watch.study.path, {}), 0, [cells], [])
    again.look()
    assert again.study.path.read_bytes() == decided


def test_a_tail_reads_whole_lines_once_and_starts_over_after_a_rewind(tmp_path: Path):
    of = pack(tmp_path, 1)[0]
    tail = Tail(of.folder)
    assert tail.read() == {}
    validate([of], 10, [1.0])
    validate([of], 20, [0.5])
    with of.path("metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "val_')
    assert tail.read() == {10: 1.0, 20: 0.5}
    of.rewind_metrics(10)
    validate([of], 20, [0.25])
    assert tail.read() == {10: 1.0, 20: 0.25}
    validate([of], 30, [float("nan")])
    assert tail.read()[30] == float("inf")


def test_what_was_there_when_a_pack_ended_is_still_looked_at(tmp_path: Path):
    cells = pack(tmp_path, 2)
    watch = follower(tmp_path, cells, PrunerKind.successive_halving)
    with following(watch):
        validate(cells, 10, [1.0, 2.0])
    assert watch.study.trials[1].stopped == Stop(10, 2.0)


def test_an_interruption_is_passed_on(tmp_path: Path):
    watch = follower(tmp_path, pack(tmp_path, 2), PrunerKind.median)
    with pytest.raises(KeyboardInterrupt), following(watch):
        raise KeyboardInterrupt
