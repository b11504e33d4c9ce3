"""Every YAML that ships is composed, resolved and checked."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmark_folders import BENCHMARKS, folder_of
from omegaconf import OmegaConf
from shipped import METHODS

from tunegrid.cell.cell import Cell
from tunegrid.config import GROUPS, leaves
from tunegrid.errors import ConfigError, DataError
from tunegrid.known_names import resolve_run
from tunegrid.metrics.by_task import metric_of
from tunegrid.metrics.combine import MEASURES
from tunegrid.search.trials import Search
from tunegrid.sweep.grid import arguments_of, composed, grid_of, without_hydra
from tunegrid.sweep.stages import Chain
from tunegrid.table.cells import setting
from tunegrid.table.output import find_published
from tunegrid.table.protocol import shown
from tunegrid.table.published import read_published

CONF = Path(__file__).parents[2] / "conf"
EXPERIMENTS = sorted((CONF.parent / "experiments").glob("*.yaml"))
SEARCHES = [path for path in EXPERIMENTS if "/hydra/sweeper: search" in path.read_text()]
PUBLISHED = [path for path in EXPERIMENTS if path.with_suffix(".csv").is_file()]
GRIDS = [path for path in EXPERIMENTS if path not in SEARCHES]
OPTIONS = sorted(path for group in GROUPS for path in (CONF / group).rglob("*.yaml"))
REQUIRED = {
    "data/jsonl": ["data.path=nowhere.jsonl"],
    "data/mixture": ["+data@data.parts.places=restaurants"],
    "data/questions": ["data.path=nowhere.jsonl"],
    "data/mt_bench": ["data.path=nowhere.jsonl"],
    "metrics/several": ["+metrics@metrics.parts.words=text"],
    "metrics/toxicity": ["metrics.classifier=owner/name"],
    "data/preferences": ["data.path=nowhere.jsonl"],
    "objective/candidates": ["method=base", "reward=rule", "reward.pattern=a"],
    "objective/constitution": ["method=base"],
    "prompt/worked": ["prompt.path=nowhere.txt"],
    "objective/ppo": ["reward=rule", "reward.pattern=a"],
    "reward/rule": ["objective=ppo", "reward.pattern=a"],
    "reward/lexicon": ["objective=ppo", "reward.path=nowhere.txt"],
    "reward/feedback": ["objective=ppo", "reward.path=nowhere.jsonl"],
    "reward/model": ["objective=ppo", "reward.cell=nowhere"],
    "reward/entry_point": ["objective=ppo", "reward.name=nothing"],
    "model/hub": ["model.id=owner/name"],
    "model/cell": ["model.cell=nowhere"],
    "model/local": ["model.path=nowhere"],
    "model/embedded": ["model.package=p", "model.file=f", "model.fallback.id=owner/name"],
}
"""What an option that describes the user's own things has to be told."""


ASKED_FOR = {"helm_mini": ["metrics.parts.toxicity.classifier=owner/name"]}
"""What an experiment wants of its user beside data."""


def option_name(path: Path) -> str:
    return str(path.relative_to(CONF).with_suffix(""))


@pytest.mark.parametrize("path", OPTIONS, ids=option_name)
def test_every_option_composes_and_resolves(path: Path):
    group, _, option = option_name(path).partition("/")
    overrides = [f"{group}={option}", *REQUIRED.get(option_name(path), [])]
    started = time.perf_counter()
    with composed(overrides) as (loader, master):
        try:
            run = resolve_run(without_hydra(loader.load_sweep_config(master, overrides)))
        except ConfigError as error:
            # an optional package that is not installed here, a folder that only its owner has
            assert re.search(r"needs the package|model.path must be a folder that exists", str(error))
            return
    print(f"{option_name(path)}: {time.perf_counter() - started:.2f} s")
    assert type(getattr(run, group)).__module__.startswith("tunegrid.")


@pytest.mark.parametrize("path", OPTIONS, ids=option_name)
def test_every_option_begins_with_a_description_and_has_a_schema(path: Path):
    text = path.read_text()
    group = option_name(path).partition("/")[0]
    assert text.startswith("# ") and len(text.splitlines()[0]) > 10
    assert any(f"/schema/{group}/" in str(entry) for entry in OmegaConf.load(path).defaults)


def test_every_file_of_conf_is_an_option_of_a_known_group():
    known = {*GROUPS, "hydra"}
    for path in CONF.rglob("*.yaml"):
        if path not in (CONF / "run.yaml", CONF / "feedback.yaml"):
            assert path.relative_to(CONF).parts[0] in known, path


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_every_experiment_composes_all_of_its_cells(path: Path):
    text = path.read_text()
    assert text.startswith("# @package _global_\n")
    try:
        with composed([f"experiments={path.stem}", *ASKED_FOR.get(path.stem, [])]) as (loader, master):
            chain = Chain(loader, master, arguments_of(master))
            cells = chain.known().cells
    except (DataError, ConfigError) as error:
        assert "data.path" in str(error) or "no network" in str(error)
        return
    assert len({cell.id for cell in cells}) == len(cells) and sum(map(chain.size, chain.names)) > 1
    assert all(isinstance(cell, Cell) and cell.run.name == path.stem for cell in cells)


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_numbers_name_scores_rows_and_settings_that_the_experiment_has(path: Path, tmp_path: Path):
    """Rows are methods or the experiment's own, or, of a table of other systems, none of them: one astray is a slip."""
    where = [f"data.path={folder_of(path.stem, tmp_path)}"] if path.stem in BENCHMARKS else []
    cells = grid_of(path.stem, where)
    published = read_published(find_published(f"{path.stem}.csv"))
    assert {score for _, score in published.numbers if metric_of(score) == score} <= set(MEASURES)
    rows = {", ".join(shown(setting(cell.config, key)) for key in cell.run.table.row_keys) for cell in cells}
    named = {row for row, _ in published.numbers}
    assert named <= rows | set(METHODS) or not named & rows
    assert {score for _, score in published.numbers} & set(cells[0].run.table.columns)
    settings = {key for cell in cells for key, _ in leaves(cell.config)}
    asked = {key for key in published.protocol if not key.startswith(("measured.", "items."))}
    assert asked <= settings, asked - settings


@pytest.mark.parametrize("path", SEARCHES, ids=lambda path: path.stem)
def test_every_search_composes_the_ends_of_its_ranges(path: Path):
    assert path.read_text().startswith("# @package _global_\n")
    with composed([f"experiments={path.stem}"]) as (loader, master):
        search = Search(loader, master, arguments_of(master))
    assert len({corner.cell.id for corner in search.corners}) > 1
    assert search.run.name == path.stem


def test_discovery_imports_nothing_heavy():
    code = """
import sys
from tunegrid.sweep.grid import grid_from
grid_from(["model=tiny", "method.rank=1,4", "tracker=wandb"])
heavy = {"torch", "transformers", "peft", "lightning", "pytorch_lightning", "wandb", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
