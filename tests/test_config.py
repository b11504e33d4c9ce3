from pathlib import Path

import pytest

from tunegrid.config import leaves, options, plain
from tunegrid.errors import ConfigError
from tunegrid.mistakes import explain, is_mistake
from tunegrid.sweep.grid import grid_from
from tunegrid.sweep.options import PackMode, Sweep

CONF = Path(__file__).parents[1] / "conf"


def test_options_are_the_files_of_a_group():
    assert options("method") == sorted(path.stem for path in (CONF / "method").glob("*.yaml"))


def test_plain_gives_enums_by_name_and_nested_dicts():
    sweep = Sweep(pack=PackMode.strict, max_pack=2, baselines=["method=base"], cells=[])
    assert plain(sweep) == {"baselines": ["method=base"], "cells": [], "max_pack": 2, "pack": "strict"}


def test_leaves_are_dotted():
    assert list(leaves({"a": {"b": 1, "c": {}}, "d": [2]})) == [("a.b", 1), ("a.c", {}), ("d", [2])]


def test_max_pack_is_checked():
    with pytest.raises(ConfigError, match=r"sweep.max_pack must be at least 1, got 0"):
        Sweep(pack=PackMode.auto, max_pack=0, baselines=[], cells=[])


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
