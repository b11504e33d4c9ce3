from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from table.synthetic_cells import SPEC, pending, sweep, write

from tunegrid.errors import ConfigError
from tunegrid.table import report
from tunegrid.table.cells import CellRecord
from tunegrid.table.output import find_published
from tunegrid.table.spec import FigureSpec


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
    assert (folder / "table.md").read_text().endswith("](table.png)\n")


def test_a_damaged_cell_is_left_out_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    cells = stored(sweep({None: 0.4, 1: 0.6, 4: 0.7}, seeds=2), tmp_path)
    samples = cells[-1].folder / "samples.json"
    samples.write_bytes(samples.read_bytes().replace(b"0", b"1", 1))
    report("demo", cells, SPEC, tmp_path)
    printed = capsys.readouterr()
    assert printed.err == f"{samples}: not as it was written (its sha256 is another); the sweep runs the cell again\n"
    note = "4, seed 1: damaged: what it left is not what was written; the sweep runs it again"
    for form in ("md", "csv", "html"):
        assert note in (tmp_path / "demo" / f"table.{form}").read_text()
    assert ("score", "4", "ROUGE_L", "1") in {
        (line[0], line[1], line[2], line[7])
        for line in (text.split(",") for text in (tmp_path / "demo" / "table.csv").read_text().splitlines())
        if len(line) > 7
    }  # of its two seeds one is left


def test_the_same_cells_give_the_same_bytes_and_what_is_there_is_not_drawn_again(tmp_path: Path):
    report("demo", stored(sweep({None: 0.4, 1: 0.6, 4: 0.7}, seeds=2), tmp_path), SPEC, tmp_path)
    folder = tmp_path / "demo"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    (folder / "table.png").unlink()
    report("demo", stored_again(tmp_path), SPEC, tmp_path)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    report("demo", stored_again(tmp_path), SPEC, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == times


def test_what_a_killed_writer_left_half_written_goes_and_other_files_stay(tmp_path: Path):
    cells = stored(sweep({None: 0.4, 1: 0.6, 4: 0.7}, seeds=2), tmp_path)
    report("demo", cells, SPEC, tmp_path)
    for name in (".table.html.abc.part", ".study.json.abc.part"):
        (tmp_path / "demo" / name).write_text("half")
    report("demo", cells, SPEC, tmp_path)
    assert [path.name for path in (tmp_path / "demo").glob(".*")] == [".study.json.abc.part"]


def test_another_figure_is_drawn(tmp_path: Path):
    two = replace(SPEC, columns=["ROUGE_L", "val_loss"])
    cells = stored(sweep({None: 0.4, 1: 0.6, 4: 0.7}, seeds=2), tmp_path)
    report("demo", cells, two, tmp_path)
    before = (tmp_path / "demo" / "table.png").read_bytes()
    report("demo", cells, replace(two, figure=FigureSpec(x="method.rank", y="val_loss")), tmp_path)
    assert (tmp_path / "demo" / "table.png").read_bytes() != before


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
