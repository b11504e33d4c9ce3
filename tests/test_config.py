from pathlib import Path

import pytest

from tunegrid.config import leaves, options, plain
from tunegrid.errors import ConfigError
from tunegrid.mistakes import explain, is_mistake
from tunegrid.sweep.grid import grid_from

CONF = Path(__file__).parents[1] / "conf"


def test_options_are_the_files_of_a_group():
    assert options("method") == sorted(path.stem for path in (CONF / "method").glob("*.yaml"))


def test_plain_gives_enums_by_name_and_nested_dicts():
    sweep = grid_from(["sweep.pack=strict", "sweep.max_pack=2", "sweep.baselines=['method=base']"]).run.sweep
    expected = {
        "baselines": ["method=base"],
        "cells": [],
        "max_pack": 2,
        "pack": "strict",
        "retry": "none",
        "stages": {},
    }
    assert plain(sweep) == {**expected, "memory_limit_gb": None, "time_limit_s": None}


def test_leaves_are_dotted():
    assert list(leaves({"a": {"b": 1, "c": {}}, "d": [2]})) == [("a.b", 1), ("a.c", {}), ("d", [2])]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sweep.max_pack=0", "sweep.max_pack must be at least 1, got 0"),
        ("sweep.memory_limit_gb=0", "sweep.memory_limit_gb must be above 0 or null, got 0"),
        ("sweep.time_limit_s=0", "sweep.time_limit_s must be above 0 or null, got 0"),
    ],
)
def test_the_sweeps_numbers_are_checked(override: str, message: str):
    with pytest.raises(ConfigError, match=message):
        grid_from([override])


def test_a_bare_off_in_yaml_is_explained(tmp_path: Path):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments/mine.yaml").write_text("# @package _global_\nsweep: {pack: off}\n")
    with pytest.raises(Exception, match="pack") as caught:
        grid_from([f"hydra.searchpath=['file://{tmp_path}']", "experiments=mine"])
    assert is_mistake(caught.value)
    assert explain(caught.value) == (
        'sweep.pack must be one of auto, off, strict, got False; YAML reads a bare off as false, write "off"'
    )


def test_our_own_errors_are_not_taken_for_mistakes():
    try:
        int("x")
    except ValueError as error:
        assert not is_mistake(error)
    assert not is_mistake(RuntimeError("boom"))
