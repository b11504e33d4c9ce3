from dataclasses import replace
from pathlib import Path

import pytest
import torch
from cell.made_cells import cell, complete, finished

from tunegrid.adaptation.neighbours import nearest
from tunegrid.cell.cell import Cell
from tunegrid.cell.result import Cost, Status
from tunegrid.commands.inspect import main
from tunegrid.errors import ConfigError
from tunegrid.pack.pack import Member, Pack

TOKENS = 4


def trained(folder: Path, *overrides: str) -> tuple[Cell, Pack]:
    """A done cell of the tiny model whose adapter is the untrained one."""
    made = cell(folder, *overrides)
    pack = Pack(made.run.model.load("float32"), [Member("one", made.run.method, 0)], 0)
    made.write_config()
    pack.attached["one"].save(made.path("adapter"))
    cost = Cost(trainable_parameters=sum(p.numel() for p in pack.trainable(pack.members[0]).values()), adapter_bytes=9)
    made.write_result(replace(finished(made, Status.DONE), cost=cost, error=None))
    return made, pack


@pytest.mark.parametrize("architecture", ["LLAMA", "T5"])
def test_a_prompt_from_the_vocabulary_finds_its_own_tokens(
    architecture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, pack = trained(
        tmp_path, "method=prompt_tuning", f"method.tokens={TOKENS}", f"model.architecture={architecture}"
    )
    assert main([made.id[:9], "--neighbours", "2", f"output_root={tmp_path}"]) == 0
    shown = capsys.readouterr().out
    table = made.run.model.load("float32").get_input_embeddings().weight
    (prompt,) = pack.trainable(pack.members[0]).values()
    ids = [int((table == vector).all(1).nonzero()[0, 0]) for vector in prompt]
    assert f"the tokens of {made.run.model.name} nearest to its prompt" in " ".join(shown.split())
    lines = [line.split("│") for line in shown.splitlines() if line.count("│") > 2]
    first = [line[2].strip() for line in lines]
    assert first == [f"{token} 0.000" for token in made.run.model.load_tokenizer().convert_ids_to_tokens(ids)]
    assert all(float(line[3].split()[-1]) > 0 for line in lines)


def test_distances_are_those_of_the_cosine() -> None:
    table = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])
    distances, ids = nearest(torch.tensor([[5.0, 0.0], [1.0, 1.0]]), table, 9)
    assert ids[0].tolist() == [0, 1, 2] and distances[0].tolist() == [0, 1, 2]
    assert distances[1].tolist() == pytest.approx([1 - 0.5**0.5, 1 - 0.5**0.5, 1 + 0.5**0.5])


@pytest.mark.parametrize(("method", "parameters"), [("lora", "4,096"), ("prefix", "165,248")])
def test_any_other_method_says_what_it_trained_and_where_that_is(
    method: str, parameters: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, _ = trained(tmp_path, f"method={method}")
    assert main([str(made.folder)]) == 0
    assert capsys.readouterr().out == (
        f"{made.title}: only prompts have neighbours in the vocabulary; "
        f"it trained {parameters} parameters and left 9 bytes in {made.folder}/adapter\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["0123"], r"cell '0123' is the beginning of none of the ids in .*cells"),
        (["0123", "--neighbours", "0"], "--neighbours must be at least 1, got 0"),
        ([], "tunegrid inspect: the following arguments are required: CELL.*; see tunegrid inspect --help"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        main([*arguments, f"output_root={tmp_path}"] if arguments else [])


def test_a_cell_that_is_not_done_has_nothing_to_inspect(tmp_path: Path) -> None:
    made = complete(tmp_path, Status.INTERRUPTED)
    with pytest.raises(ConfigError, match="is interrupted; run its sweep again to finish it"):
        main([made.id, f"output_root={tmp_path}"])
