"""What a search can ask for at most, before it has asked for anything."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest
from command_line import SMALL

from tunegrid.errors import ConfigError
from tunegrid.search.trials import Search
from tunegrid.sweep.forecast_memory import PackMemory
from tunegrid.sweep.grid import arguments_of, composed

RANGES = (
    "method.rank=choice(512,1,64)",
    "objective.batch_size=int(interval(1,16))",
    "objective.steps=range(200,1000,200)",
    "hardware.tokens_per_pass=choice(512,2048,1024)",
    "objective.keep=choice(best,last)",
    "objective.learning_rate=tag(log, interval(1e-5,1e-1))",
)


@contextmanager
def search(folder: Path, *overrides: str) -> Iterator[Search]:
    fixed = ("hydra/sweeper=search", *SMALL, "hardware=cpu", "table.columns=[val_loss]", f"output_root={folder}")
    with composed([*fixed, *overrides]) as (loader, master):
        yield Search(loader, master, arguments_of(master))


def memory_of(asked: Search, values: tuple[object, ...]) -> int:
    point = asked.compose(dict(zip(asked.space.dimensions, values, strict=True)))
    memory = asked.forecasts.memory([point.cell])
    assert isinstance(memory, PackMemory)
    return memory.total


def test_the_largest_trial_takes_what_the_largest_of_all_corners_takes(tmp_path: Path):
    with search(tmp_path, *RANGES) as asked:
        everywhere = product(*(dimension.edges for dimension in asked.space.dimensions.values()))
        largest = max(memory_of(asked, values) for values in everywhere)
        (pack,) = asked.largest_batch()
        assert len({cell.id for cell in pack.cells}) == 4
        first = pack.cells[0]
        assert asked.forecasts.memory([first]).total == pytest.approx(largest, rel=1e-9)
        assert first.config["method"]["rank"] == 512
        assert first.config["objective"]["steps"] == 800


def test_a_range_whose_largest_trial_has_no_room_is_refused_with_its_values(tmp_path: Path):
    refusal = r"^lora_r64_s0 needs .* there is 0\.1 GB .* \[trial: method\.rank=64\]$"
    with (
        search(tmp_path, "method.rank=range(1,65)", "sweep.memory_limit_gb=0.1") as asked,
        pytest.raises(ConfigError, match=refusal),
    ):
        asked.largest_batch()


def test_a_key_that_was_added_to_the_sweeper_is_refused(tmp_path: Path):
    with (
        pytest.raises(ConfigError, match=r"unknown key 'hydra.sweeper.typo'.*; known: .*hydra.sweeper.trials"),
        search(tmp_path, "method.rank=range(1,65)", "+hydra.sweeper.typo=3"),
    ):
        pass
