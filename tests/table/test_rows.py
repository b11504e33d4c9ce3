import pytest
from table.synthetic_cells import config, mean_statistics, record

from tunegrid.errors import ConfigError
from tunegrid.table.cells import CellRecord
from tunegrid.table.rows import group_rows

STATISTICS = {"ROUGE_L": mean_statistics([0.5, 0.6])}


def cell(rank: int | None, seed: int = 0, changes: dict[str, object] | None = None) -> CellRecord:
    return record(rank, seed, STATISTICS, changes)


def test_seeds_are_repeats_and_the_untrained_model_comes_first():
    rows = group_rows([cell(4, 0), cell(4, 1), cell(1, 0), cell(None), cell(1, 1)], ["method.rank"])
    assert [row.label for row in rows] == ["base (untrained)", "4", "1"]
    assert [len(row.cells) for row in rows] == [1, 2, 2]
    assert [row.values for row in rows] == [(None,), (4,), (1,)]


def test_hardware_and_folders_make_no_rows():
    moved = cell(4, 1)
    moved.config["hardware"]["threads"] = 64
    moved.config["model"]["path"] = "/elsewhere"
    moved.config["schema"]["hardware"] = "gpu"
    assert len(group_rows([cell(4, 0), moved], ["method.rank"])) == 1


def test_a_second_setting_becomes_part_of_the_label():
    cells = [cell(rank, 0, {"data.rows": rows}) for rank in (1, 4) for rows in (100, 1000)]
    rows = group_rows(cells, ["method.rank"])
    assert [row.label for row in rows] == [
        "1, data.rows=100",
        "1, data.rows=1000",
        "4, data.rows=100",
        "4, data.rows=1000",
    ]
    assert [row.series for row in rows] == ["data.rows=100", "data.rows=1000"] * 2


def test_another_option_is_named_and_not_every_setting_that_it_has():
    def shown(shots: int | None) -> CellRecord:
        made = cell(4)
        made.config["prompt"] = {"chat": "never"} | ({} if shots is None else {"shots": shots, "shot_seed": 0})
        made.config["schema"]["prompt"] = "zero_shot" if shots is None else "few_shot"
        return made

    labels = [
        [row.label for row in group_rows(list(map(shown, of)), ["method.rank"])] for of in ((None, 1), (None, 1, 2))
    ]
    assert labels[0] == ["4, prompt=zero_shot", "4, prompt=few_shot"]
    assert labels[1][1:] == [f"4, prompt=few_shot, prompt.shots={shots}, prompt.shot_seed=0" for shots in (1, 2)]


def test_a_method_without_the_row_key_is_named_after_itself():
    full = CellRecord(
        id="full", config=config(None, 0) | {"method": {"kind": "full"}, "schema": {"method": "full"}}, result=None
    )
    assert [row.label for row in group_rows([cell(4), full], ["method.rank"])] == ["4", "full"]


def test_unknown_row_key_names_the_nearest():
    with pytest.raises(ConfigError, match=r"table\.row: unknown config key 'method\.rnk'; did you mean method\.rank"):
        group_rows([cell(4)], ["method.rnk"])


def test_two_row_keys_name_rows_and_the_untrained_model_has_those_that_matter_to_it():
    cells = [cell(rank, 0, {"data.rows": rows}) for rows in (100, 1000) for rank in (None, 1)]
    rows = group_rows(cells[:2] + cells[3:], ["data.rows", "method.rank"])
    assert [(row.label, row.values) for row in rows] == [
        ("base (untrained)", (None, None)),
        ("100, 1", (100, 1)),
        ("1000, 1", (1000, 1)),
    ]
    small = cell(None, 0, {"model.name": "gpt2"})
    by_model = group_rows([small, cell(None), cell(1)], ["model.name", "method.kind"])
    assert [row.label for row in by_model] == [
        "gpt2, base (untrained)",
        "gpt2_medium, base (untrained)",
        "gpt2_medium, lora",
    ]


def test_an_unknown_second_row_key_is_named():
    with pytest.raises(ConfigError, match=r"table\.row: unknown config key 'data\.row'; did you mean data\.rows"):
        group_rows([cell(4)], ["method.rank", "data.row"])


def test_a_row_is_not_told_apart_by_settings_it_lacks():
    shown = cell(None, 0, {"data.shots": 3})
    rows = group_rows([cell(None), shown, cell(1)], ["method.rank"])
    assert [row.label for row in rows] == ["base (untrained)", "base (untrained), data.shots=3", "1"]
