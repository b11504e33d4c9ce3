import torch
from tiny_models import random_rows

from tunegrid.objective.passes import passes, tokens_of
from tunegrid.pack.batch import CellRows, Row


def cells(*counts: int) -> list[CellRows]:
    return [CellRows(f"cell_{i}", random_rows(n, seed=i), None) for i, n in enumerate(counts)]


def test_every_row_comes_once_in_its_order_and_passes_stay_below_the_limit() -> None:
    given = cells(7, 3, 9)
    cut = passes(given, 60, strict=False)
    assert len(cut) > 3
    for cell in given:
        rows = [row for piece in cut for part in piece if part.name == cell.name for row in part.rows]
        assert [id(row) for row in rows] == [id(row) for row in cell.rows]
    assert all(sum(tokens_of(row) for part in piece for row in part.rows) <= 60 for piece in cut)


def test_a_cell_is_cut_the_same_whoever_its_neighbours_are() -> None:
    given = cells(7, 9)
    together = [len(part.rows) for piece in passes(given, 60, strict=False) for part in piece if part.name == "cell_1"]
    alone = [len(part.rows) for piece in passes(given[1:], 60, strict=False) for part in piece]
    assert together == alone


def test_a_row_longer_than_the_limit_goes_alone() -> None:
    long = Row(torch.arange(80), torch.arange(5))
    short = random_rows(2)
    cut = passes([CellRows("cell", [short[0], long, short[1]], None)], 50, strict=False)
    assert [[len(part.rows) for part in piece] for piece in cut] == [[1], [1], [1]]


def test_strict_gives_every_cell_its_own_passes() -> None:
    cut = passes(cells(1, 1, 1), 1000, strict=True)
    assert [[part.name for part in piece] for piece in cut] == [["cell_0"], ["cell_1"], ["cell_2"]]
