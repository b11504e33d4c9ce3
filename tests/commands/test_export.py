"""`tunegrid export` after a real run of a tiny model."""

import json
from pathlib import Path

import pytest
import torch
from command_line import REAL, SMALL, finish, start
from transformers import AutoModelForCausalLM, AutoTokenizer

from tunegrid.cell.find import find_cell

RUN = (*SMALL, "metrics=none", "objective.steps=3", "objective.warmup_steps=0", "hardware.precision=float32",
       "hardware.threads=1")  # fmt: skip


def tunegrid(folder: Path, *arguments: str) -> tuple[int, str, str]:
    process = start(folder, *arguments, **REAL)
    out, err = finish(process, 120)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    assert tunegrid(folder, "-m", *RUN, "method=lora,adapter", "sweep.max_pack=2")[0] == 0
    return folder


def cell_of(place: Path, method: str) -> str:
    found = [json.loads(path.read_text()) for path in (place / "work/outputs/cells").glob("*/result.json")]
    return next(result["id"] for result in found if result["config"]["method"]["kind"] == method)


def test_a_merged_model_loads_with_transformers_alone(place: Path) -> None:
    cell = cell_of(place, "lora")
    code, out, err = tunegrid(place, "export", cell[:6], "--merge", "--to", "merged", "--licence", "apache-2.0")
    assert (code, err) == (0, "") and "merging changed no logit by more than" in out
    model = AutoModelForCausalLM.from_pretrained(place / "work/merged")
    ids = AutoTokenizer.from_pretrained(place / "work/merged")("name: The Mill", return_tensors="pt").input_ids
    with torch.no_grad():
        assert torch.isfinite(model(ids).logits).all()
    assert not list((place / "work/merged").glob("adapter*")) and not list((place / "work/merged").glob("*.bin"))
    card = (place / "work/merged/README.md").read_text()
    assert "license: apache-2.0" in card and "val_loss" in card and cell in card and "trainable parameters" in card


def test_what_was_merged_comes_out_again(place: Path) -> None:
    cell, other = cell_of(place, "lora"), cell_of(place, "adapter")
    assert tunegrid(place, "export", cell, "--merge", "--to", "whole")[0] == 0
    code, out, err = tunegrid(place, "export", cell, "--unmerge", "whole", "--to", "base")
    assert (code, err) == (0, "") and "no weight is off by more than" in out
    found = AutoModelForCausalLM.from_pretrained(place / "work/base")
    published = find_cell(str(place / "work/outputs/cells" / cell), []).run.model.load("float32")
    ids = torch.arange(1, 17)[None]
    with torch.no_grad():
        torch.testing.assert_close(found(ids).logits, published(ids).logits, rtol=1e-5, atol=1e-5)
    code, out, err = tunegrid(place, "export", other, "--unmerge", "whole", "--to", "new")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert f"--unmerge whole: its README.md does not say that cell {other} was merged there" in err


def test_unmerged_it_is_the_adapter_and_a_card(place: Path) -> None:
    code, _, err = tunegrid(place, "export", f"outputs/cells/{cell_of(place, 'lora')}", "--to", "alone")
    assert (code, err) == (0, "")
    names = sorted(path.name for path in (place / "work/alone").iterdir())
    assert names == ["README.md", "adapter_config.json", "adapter_model.safetensors"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{adapter}", "--merge", "--to", "new"], "a bottleneck adapter has a nonlinearity"),
        (["{lora}", "--to", "outputs"], "--to outputs exists already; name a folder that does not"),
        (["zzzz", "--to", "new"], "cell 'zzzz' is the beginning of none of the ids in outputs/cells"),
        ([], "the following arguments are required: --to"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(place: Path, arguments: list[str], message: str) -> None:
    ids = {method: cell_of(place, method) for method in ("lora", "adapter")}
    code, out, err = tunegrid(place, "export", *(argument.format(**ids) for argument in arguments))
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert message in err
    assert not (place / "work/new").exists() and not list((place / "work").glob(".*"))
