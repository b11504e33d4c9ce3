"""`model=cell`: what a cell has learned, in the weights of the model that another starts from."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from cell.made_cells import complete
from command_line import TRAINED

from tunegrid.adaptation import UnmergeableError
from tunegrid.cell.cell import Cell
from tunegrid.cell.integrity import ADAPTER
from tunegrid.cell.result import Status
from tunegrid.errors import ConfigError, DamagedError
from tunegrid.model import Model
from tunegrid.model.cell import CellModel
from tunegrid.model.split_attention import fuse
from tunegrid.sweep.grid import grid_from
from tunegrid.sweep.job import run_cells

Train = Callable[..., Cell]


def of(cell: Cell) -> CellModel:
    return CellModel(name=str(cell.folder), cell=str(cell.folder))


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=torch.arange(3, 20)[None]).logits
    return found


@pytest.fixture
def train(tmp_path: Path) -> Train:
    def trained(*overrides: str) -> Cell:
        rate = "objective.learning_rate=0.03"
        (cell,) = grid_from([*TRAINED, rate, "tracker=none", f"output_root={tmp_path}", *overrides]).cells
        run_cells([cell])
        assert cell.status() is Status.DONE
        return cell

    return trained


@pytest.mark.parametrize("architecture", ["LLAMA", "GPT2"])
def test_it_answers_as_the_cell_does_and_not_as_the_base(architecture: str, train: Train) -> None:
    cell = train(f"model.architecture={architecture}")
    base = cell.run.model
    adapted = cell.run.method.adaptation().load(fuse(base.load("float32")), cell.path(ADAPTER)).eval()
    wanted, plain = logits(adapted), logits(base.load("float32"))
    found = of(cell).load("float32")
    assert float((wanted - plain).abs().max()) > 0.01
    torch.testing.assert_close(logits(found), wanted, atol=1e-4, rtol=1e-4)
    assert [type(m) for m in found.modules()] == [type(m) for m in base.load("float32").modules()]
    assert of(cell).load("bfloat16").dtype is torch.bfloat16


def test_a_cell_that_began_with_one_is_a_model_again(train: Train) -> None:
    first = train()
    second = train("model=cell", f"model.cell={first.folder}", "seed=1")
    assert second.id != first.id and second.run.model.identity() == f"cell:{first.id}"
    assert of(second).config_values() == first.run.model.config_values()
    began, went = logits(of(first).load("float32")), logits(of(second).load("float32"))
    assert float((began - went).abs().max()) > 0.01


def test_where_the_cell_lies_is_no_part_of_its_identity(tmp_path: Path) -> None:
    here, there = (of(complete(tmp_path / place)) for place in "ab")
    assert here.identity() == there.identity() and here.name == Path(here.cell).name
    assert here.identity() != of(complete(tmp_path, Status.DONE, "seed=1")).identity()


def test_what_cannot_be_merged_is_refused(train: Train) -> None:
    with pytest.raises(UnmergeableError, match="a bottleneck adapter has a nonlinearity"):
        of(train("method=adapter")).load("float32")


@pytest.mark.parametrize(
    ("status", "overrides", "message"),
    [
        (Status.INTERRUPTED, (), r"cell \w+ \(lora_r8_s0\) is interrupted; run its sweep again to finish it"),
        (
            Status.DONE,
            ("objective=reward",),
            "must be a cell whose model answers questions, got one of objective=reward",
        ),
        (
            Status.DONE,
            ("objective=candidates", "method=base", "reward=rule", "reward.pattern=a"),
            "must be a cell whose model answers questions, got one of objective=candidates",
        ),
    ],
)
def test_a_cell_without_such_a_model_is_refused(
    status: Status, overrides: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        of(complete(tmp_path, status, *overrides)).identity()


def test_a_damaged_or_unknown_cell_is_refused(tmp_path: Path) -> None:
    cell = complete(tmp_path)
    (cell.path(ADAPTER) / "adapter_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(DamagedError, match=r"adapter_model\.safetensors: not as it was written"):
        of(cell).identity()
    with pytest.raises(ConfigError, match="cell 'nowhere' is the beginning of none of the ids"):
        CellModel(name="m", cell="nowhere").identity()


def test_it_is_a_model_like_any(tmp_path: Path) -> None:
    model: Model = of(complete(tmp_path))
    assert not model.is_encoder_decoder and model.config_values()["model_type"] == "llama"
