import json
from pathlib import Path

import numpy as np
import pytest
from cell.made_cells import complete, scored

from tunegrid.cell.cell import AnswerRow, Cell
from tunegrid.cell.result import Status
from tunegrid.commands.compare import main
from tunegrid.errors import ConfigError, DataError
from tunegrid.metrics import Score

COUNT = 40


def write(path: Path, texts: list[str]) -> str:
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def sides(tmp_path: Path) -> list[str]:
    """A is right wherever B is, and eight times more."""
    truth = [f"number {index}" for index in range(COUNT)]
    good = [text if index % 4 else "wrong" for index, text in enumerate(truth)]
    bad = [text if index >= 32 else "wrong" for index, text in enumerate(good)]
    first, second = write(tmp_path / "a.txt", good), write(tmp_path / "b.txt", bad)
    return [first, second, "--references", write(tmp_path / "references.txt", truth), "--metrics", "qa"]


def compared(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> dict[str, dict[str, float]]:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["comparisons"]


def test_files(capsys: pytest.CaptureFixture[str], sides: list[str]) -> None:
    found = compared(capsys, sides)
    assert list(found) == ["squad_exact", "squad_f1"]
    exact = found["squad_exact"]
    assert (exact["first"], exact["second"]) == (30 / COUNT, 6 / COUNT)
    assert exact["difference"] == pytest.approx(24 / COUNT)
    assert exact["low"] < 24 / COUNT < exact["high"]
    # 24 instances differ, all in one direction: 2^-23 of all exchanges are as far apart
    assert exact["p_randomisation"] == exact["p_bootstrap"] / 2 == pytest.approx(1 / 1001)
    assert exact["p_randomisation_holm"] == pytest.approx(2 / 1001)


def test_a_side_is_not_different_from_itself(capsys: pytest.CaptureFixture[str], sides: list[str]) -> None:
    found = compared(capsys, [sides[0], sides[0], *sides[2:], "--resamples", "200"])
    for record in found.values():
        assert (record["difference"], record["p_bootstrap"], record["p_randomisation_holm"]) == (0.0, 1.0, 1.0)


def test_people_get_a_table(capsys: pytest.CaptureFixture[str], sides: list[str]) -> None:
    assert main(sides) == 0
    printed = capsys.readouterr().out
    assert "squad_exact" in printed and "0.7500" in printed
    assert "1000 resamples, seed 0; p-values by Holm over 2 metrics" in printed


def test_what_could_not_be_computed_is_said(capsys: pytest.CaptureFixture[str], sides: list[str]) -> None:
    arguments = [*sides[:4], "--metrics", "e2e", "metrics.meteor=false"]
    assert main(arguments) == 0
    reason = "switched off by metrics.meteor=false"
    assert f"METEOR not compared: {reason}\n" in capsys.readouterr().out
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unavailable"] == {"METEOR": reason}


def test_an_undefined_difference_has_no_p_value(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    constant, truth = write(tmp_path / "a.txt", ["1"] * 5), write(tmp_path / "r.txt", list("12345"))
    options = ["--metrics", "regression", "--references", truth]
    found = compared(capsys, [constant, truth, *options])
    assert found["pearson"]["p_randomisation"] is None
    assert found["pearson"]["p_randomisation_holm"] is None
    assert found["number_rate"]["p_randomisation_holm"] == 1.0
    assert main([constant, truth, *options]) == 0


def made_cell(folder: Path, rank: int, answers: list[str]) -> Cell:
    cell = complete(folder, Status.DONE, f"method.rank={rank}")
    rows = [AnswerRow(key=f"k{i}", prompt="p", answer=a, references=(f"n {i}",)) for i, a in enumerate(answers)]
    cell.write_answers(rows)
    hits = [[float(answer == f"n {i}"), 1.0] for i, answer in enumerate(answers)]
    cell.write_samples([Score("exact_match", np.array(hits))])
    cell.write_result(scored(cell, Status.DONE))
    return cell


def test_cells_by_what_they_recorded_and_by_another_metric(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    right = [f"n {index}" for index in range(20)]
    first, second = made_cell(tmp_path, 1, right), made_cell(tmp_path, 2, [*right[:10], *["x"] * 10])
    names = [first.id, second.id, "--output-root", str(tmp_path)]
    recorded = compared(capsys, names)
    assert list(recorded) == ["exact_match"]
    assert (recorded["exact_match"]["first"], recorded["exact_match"]["second"]) == (1.0, 0.5)
    again = compared(capsys, [str(first.folder), str(second.folder), "--metrics", "qa"])
    assert again["squad_exact"]["difference"] == recorded["exact_match"]["difference"]
    assert again["squad_exact"]["p_bootstrap"] == recorded["exact_match"]["p_bootstrap"]


def test_cells_on_other_questions_are_refused(tmp_path: Path) -> None:
    first, second = made_cell(tmp_path, 1, ["a", "b"]), made_cell(tmp_path, 2, ["a"])
    names = [str(first.folder), str(second.folder)]
    for arguments in (names, [*names, "--metrics", "text"]):
        with pytest.raises(DataError, match="are not about the same test instances; they must pair up"):
            main(arguments)


def test_a_cell_must_be_done(tmp_path: Path) -> None:
    cell = complete(tmp_path, Status.DIVERGED)
    with pytest.raises(ConfigError, match="is diverged; run its sweep again to finish it"):
        main([str(cell.folder), str(cell.folder)])


def test_references_and_overrides_belong_to_metrics(sides: list[str]) -> None:
    with pytest.raises(ConfigError, match="--references and overrides belong to --metrics OPTION"):
        main(sides[:4])
    with pytest.raises(DataError, match="have no score in common; choose metrics with --metrics"):
        main([*sides[:4], "--metrics", "none"])
