"""The learning rate of each row, chosen on the validation rows."""

from dataclasses import replace

import pytest
from table.synthetic_cells import SPEC, mean_statistics, record

from tunegrid.errors import ConfigError
from tunegrid.table.build import build_table
from tunegrid.table.cells import CellRecord
from tunegrid.table.choose import choose
from tunegrid.table.spec import ChoiceSpec

BY_LOSS = ChoiceSpec(key="objective.learning_rate", by="val_loss")


def cell(rank: int | None, rate: float, seed: int, loss: float, score: float) -> CellRecord:
    statistics = {"val_loss": mean_statistics([loss] * 40), "ROUGE_L": mean_statistics([score] * 40)}
    made = record(rank, seed, statistics, {"objective.learning_rate": rate})
    return replace(made, id=f"{rank}-{rate}-{seed}")


GRID = [
    cell(rank, rate, seed, loss + 0.01 * seed, score)
    for rank, rate, loss, score in [
        (1, 1e-4, 2.0, 0.9),  # the best on the test set, which has no say
        (1, 1e-3, 1.0, 0.5),
        (1, 1e-2, 3.0, 0.6),
        (4, 1e-4, 2.5, 0.2),
        (4, 1e-3, 1.5, 0.4),
        (4, 1e-2, 0.5, 0.3),
    ]
    for seed in (0, 1)
]


def test_each_row_has_the_value_with_the_lowest_validation_loss() -> None:
    choice = choose([cell(None, 2e-4, 0, 9.0, 0.1), *GRID], BY_LOSS)
    assert [kept.id for kept in choice.cells] == ["None-0.0002-0", "1-0.001-0", "1-0.001-1", "4-0.01-0", "4-0.01-1"]
    assert "0.0001, 0.001, 0.01 were tried" in choice.notes[0]
    assert choice.notes[1:] == (
        "Best at the edge of what was tried, so that a better one may lie beyond: lora (learning_rate 0.01).",
    )


def test_the_mean_over_seeds_decides() -> None:
    grid = [cell(1, 1e-3, 0, 0.1, 0), cell(1, 1e-3, 1, 2.0, 0), cell(1, 1e-2, 0, 1.0, 0), cell(1, 1e-2, 1, 1.0, 0)]
    assert {kept.id[:6] for kept in choose(grid, BY_LOSS).cells} == {"1-0.01"}


def test_a_row_of_which_nothing_has_finished_is_at_no_edge() -> None:
    waiting = [replace(own, result=None) for own in GRID]
    assert len(choose(waiting, BY_LOSS).notes) == 1


def test_the_table_shows_a_row_for_each_method_and_says_how_its_rate_was_chosen() -> None:
    table = build_table("demo", replace(SPEC, choose=BY_LOSS), GRID, None, "again")
    assert [head.label for head in table.rows] == ["1", "4"]
    assert [entry.value for entry in table.columns[0].entries] == pytest.approx([0.5, 0.3])
    assert any("the test set had no part in it" in note for note in table.notes)


def test_a_score_of_the_test_set_may_not_choose() -> None:
    with pytest.raises(
        ConfigError, match=r"table\.choose\.by: unknown score of the validation rows 'BLEU'; known: perp"
    ):
        ChoiceSpec(key="objective.learning_rate", by="BLEU")
