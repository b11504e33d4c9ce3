"""Heat maps over two row keys: where each score stands, and what is said of it."""

import re
from dataclasses import replace

import pytest
from matplotlib.figure import Figure
from table.synthetic_cells import SPEC, mean_statistics, record

from tunegrid.table.build import build_table
from tunegrid.table.cells import CellRecord
from tunegrid.table.figure import has_figure, to_png, to_svg
from tunegrid.table.heat_map import draw_heat_map, is_heat_map, places_of
from tunegrid.table.model import Standing, Table
from tunegrid.table.palette import PALETTE
from tunegrid.table.spec import FigureSpec

GRID = replace(SPEC, row=["data.rows", "method.rank"], figure=FigureSpec(x="data.rows", y="ROUGE_L"))
MEANS = {(100, 1): 0.50, (100, 4): 0.501, (100, 16): 0.4, (1000, 1): 0.6, (1000, 4): 0.8}
"""No cell of rank 16 on 1,000 rows."""


def cells(changes: dict[str, object] | None = None) -> list[CellRecord]:
    untrained = record(None, 0, {"ROUGE_L": mean_statistics([0.1] * 40)}, {"data.rows": 100})
    return [untrained] + [
        record(
            rank, seed, {"ROUGE_L": mean_statistics([mean + seed / 500] * 40)}, {"data.rows": rows} | (changes or {})
        )
        for (rows, rank), mean in MEANS.items()
        for seed in (0, 1)
    ]


def table() -> Table:
    return build_table("demo", GRID, cells(), None, "")


def test_every_trained_row_has_the_place_of_its_keys():
    made = table()
    places = places_of(made, made.column("ROUGE_L"))
    assert {place: entry.value for place, entry in places.items()} == pytest.approx(
        {place: mean + 0.001 for place, mean in MEANS.items()}
    )


def test_each_is_compared_within_its_first_key_alone():
    """0.501 against 0.50 is a tie, 0.8 against 0.6 none, and 0.8 on other rows counts for nothing."""
    made = table()
    standings = {place: entry.standing for place, entry in places_of(made, made.column("ROUGE_L")).items()}
    assert standings == {
        (100, 1): Standing.TIED, (100, 4): Standing.BEST, (100, 16): Standing.WORSE,
        (1000, 1): Standing.WORSE, (1000, 4): Standing.BEST,
    }  # fmt: skip
    assert made.columns[0].entries[0].standing is Standing.UNKNOWN
    assert made.columns[0].degrees == len(MEANS)
    assert any("best of its column among rows of the same data.rows" in note for note in made.notes)


def test_the_figure_says_values_ties_noise_and_the_untrained_model():
    svg = to_svg(table(), "ROUGE_L")
    for text in ("0.8010", "0.5010", "†", ">100<", ">1000<", ">16<", "rows", "rank"):
        assert text in svg
    for text in ("best of the same rows", "not told apart from it", "noise floor: ± 0.0014", "untrained: 0.1000"):
        assert text in svg
    assert "<image" not in svg  # the page's policy shows none
    assert 'aria-label="ROUGE_L against rows, rank"' in svg


def test_png_has_fixed_bytes():
    assert to_png(table(), "ROUGE_L") == to_png(table(), "ROUGE_L")


def test_colours_go_from_the_worst_to_the_best_also_where_lower_is_better():
    """The best, on 1,000 rows with rank 4, is drawn before the worst, on 100 rows with rank 16."""
    made = table()
    loss = replace(made, columns=(replace(made.column("ROUGE_L"), lower_is_better=True),))
    light, dark = PALETTE.heat
    assert _extremes(to_svg(made, "ROUGE_L")) == [dark, light]
    assert _extremes(to_svg(loss, "ROUGE_L")) == [light, dark]


def _extremes(svg: str) -> list[str]:
    return [fill for fill in re.findall(r"fill: (#\w{6})", svg) if fill in PALETTE.heat][:2]


def test_rows_that_share_a_place_make_curves():
    doubled = [*cells(), *cells({"objective.learning_rate": 0.1})[1:]]
    made = build_table("demo", GRID, doubled, None, "")
    assert not is_heat_map(made)
    assert has_figure(made, made.columns[0])


def test_one_row_key_makes_curves():
    assert is_heat_map(table())
    assert not is_heat_map(build_table("demo", SPEC, cells()[:7], None, ""))


def test_numbers_stand_over_their_ticks():
    made, axes = table(), Figure().add_subplot()
    draw_heat_map(axes, made, made.column("ROUGE_L"))
    x_names, y_names = ([label.get_text() for label in side.get_ticklabels()] for side in (axes.xaxis, axes.yaxis))
    shown = {
        (int(x_names[int(text.get_position()[0])]), int(y_names[int(text.get_position()[1])])): text.get_text()
        for text in axes.texts
    }
    assert {place: float(text.split("\n")[0]) for place, text in shown.items()} == pytest.approx(
        {place: mean + 0.001 for place, mean in MEANS.items()}, abs=1e-4
    )


def test_several_untrained_models_are_a_range_and_lists_have_places():
    lower = record(None, 0, {"ROUGE_L": mean_statistics([0.05] * 40)}, {"model.name": "gpt2"})
    spec = replace(GRID, row=["method.targets", "method.rank"], figure=FigureSpec(x="method.rank", y="ROUGE_L"))
    made = build_table("demo", spec, [*cells()[:7], lower], None, "")
    assert re.search(r"untrained: 0\.050* to 0\.100*<", to_svg(made, "ROUGE_L"))
    assert {up for _, up in places_of(made, made.column("ROUGE_L"))} == {"['query', 'value']"}
