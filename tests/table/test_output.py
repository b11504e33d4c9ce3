from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from table.synthetic_cells import pending, sweep, write

from tunegrid.errors import ConfigError
from tunegrid.table import report
from tunegrid.table.cells import CellRecord
from tunegrid.table.output import find_published
from tunegrid.table.spec import FigureSpec, TableSpec

SPEC = TableSpec(
    title="Ranks",
    row="method.rank",
    columns=["ROUGE_L"],
    published=None,
    figure=FigureSpec(x="method.rank", y="ROUGE_L"),
    protocol=[],
)


@dataclass
class Stored:
    """What `report` needs of a cell."""

    id: str
    config: dict[str, Any]
    folder: Path


def stored(cells: list[CellRecord], root: Path) -> list[Stored]:
    for cell in cells:
        write(cell, root / "cells" / cell.id)
    return [Stored(cell.id, dict(cell.config), root / "cells" / cell.id) for cell in cells]


def test_all_files_are_written_and_the_table_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    report("demo", stored(sweep({None: 0.4, 1: 0.6, 4: 0.7}, seeds=2), tmp_path), SPEC, tmp_path)
    folder = tmp_path / "demo"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"table.{form}" for form in ("csv", "html", "md", "png", "tex")
    ]
    printed = capsys.readouterr().out
    assert "base (untrained)" in printed
    assert f"Written to {folder}: table.csv, table.html, table.md, table.png, table.tex" in printed
    before = {path: path.read_bytes() for path in folder.iterdir()}
    report("demo", stored_again(tmp_path), SPEC, tmp_path)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def stored_again(root: Path) -> list[Stored]:
    cells = sweep({None: 0.4, 1: 0.6, 4: 0.7}, seeds=2)
    return [Stored(cell.id, dict(cell.config), root / "cells" / cell.id) for cell in cells]


def test_a_sweep_without_finished_cell_says_so_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    report("demo", stored([pending(4, 0)], tmp_path), SPEC, tmp_path)
    assert capsys.readouterr().err == "demo: no table, none of 1 cells is done\n"
    assert not (tmp_path / "demo").exists()


def test_unknown_file_of_published_numbers_names_the_places():
    with pytest.raises(
        ConfigError, match=r"table\.published: no file 'none\.csv' here, in experiments/ or in tunegrid"
    ):
        find_published("none.csv")
