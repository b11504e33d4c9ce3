"""`tunegrid generate` with cells of a tiny model."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from cell.made_cells import cell, complete, finished
from command_line import TRAINED

from tunegrid.cell.cell import AnswerRow, Cell
from tunegrid.cell.result import Status
from tunegrid.commands.generate import main
from tunegrid.data.tokenized import prepare
from tunegrid.errors import ConfigError, DamagedError, DataError, UserError
from tunegrid.hardware.machine import load_onto
from tunegrid.pack.pack import Member, Pack
from tunegrid.sampler.decode import decode

RUN = (*TRAINED, "prompt.separator='#'", "sampler.max_new_tokens=8")
ON = ("hardware=cpu", "hardware.precision=float32", "hardware.threads=1")
METHODS = {
    "low": ("method.rank=1",),
    "high": ("method.rank=8",),
    "prefix": ("method=prefix",),
    "prompt": ("method=prompt_tuning",),
    "adapter": ("method=adapter",),
    "base": ("method=base",),
    "beam": ("method.rank=8", "seed=1", "sampler=beam", "sampler.max_new_tokens=8"),
    "ia3": ("method=ia3",),
    "full": ("method=full",),
}
TOGETHER = ("low", "high", "prefix", "prompt", "adapter", "base")
"""A pack; the others are alone."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("generate")


@pytest.fixture(scope="module")
def trained(place: Path) -> Mapping[str, Cell]:
    """Done cells that have learned noise, and the answers that the pack gave in which they did."""
    cells = {name: cell(place, *RUN, *overrides) for name, overrides in METHODS.items()}
    for names in (TOGETHER, *((name,) for name in METHODS if name not in TOGETHER)):
        leave([cells[name] for name in names])
    return cells


def leave(cells: Sequence[Cell]) -> None:
    run = cells[0].run
    tokenizer = run.model.load_tokenizer()
    data = prepare(run.data, tokenizer, run.prompt)
    members = [Member(f"cell_{one.id}", one.run.method, place) for place, one in enumerate(cells)]
    pack = Pack(load_onto(run.hardware, run.model, run.method), members, tokenizer.pad_token_id, False, tokenizer)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in (p for member in members for p in pack.trainable(member).values()):
            parameter.add_(torch.randn(parameter.shape, generator=draw), alpha=20)
    answers = decode(run.sampler, pack, data, tokenizer, 3, lambda *_: None)
    for one, member, own in zip(cells, members, answers, strict=True):
        one.write_config()
        rows = zip(data.questions, own, strict=True)
        one.write_answers([AnswerRow(key=q.key, prompt=q.prompt, answer=answer, references=()) for q, answer in rows])
        pack.attached[member.name].save(one.path("adapter"))
        one.write_result(finished(one))


def recorded(of: Cell) -> dict[str, str]:
    rows = map(json.loads, of.path("answers.jsonl").read_text().splitlines())
    return {row["prompt"]: row["answer"] for row in rows}


def generate(place: Path, *arguments: str) -> list[dict[str, str]]:
    """The lines that the command writes."""
    to = place / "answers.jsonl"
    to.unlink(missing_ok=True)
    assert main([*arguments, "--to", str(to), f"output_root={place}", *ON]) == 0
    return [json.loads(line) for line in to.read_text().splitlines()]


def test_cells_on_one_base_answer_as_their_sweep_recorded(place: Path, trained: Mapping[str, Cell]) -> None:
    cells = [trained[name] for name in (*TOGETHER, "beam")]
    prompts = list(recorded(cells[0]))
    questions = place / "questions.jsonl"
    questions.write_text("".join(json.dumps({"prompt": prompt, "n": 1}) + "\n" for prompt in prompts))
    found = generate(place, *(one.id for one in cells), "--raw", "--file", str(questions))
    assert len(found) == len(prompts) * len(cells)
    for one in cells:
        assert {row["prompt"]: row["answer"] for row in found if row["cell"] == one.id} == recorded(one), one.title
    different = {tuple(recorded(one).values()) for one in cells}
    assert len(different) == len(cells) - 1  # a prompt alone turns no word of this base


@pytest.mark.parametrize("name", ["ia3", "full"])
def test_a_cell_that_shares_no_base_with_others_answers_alone(
    name: str, place: Path, trained: Mapping[str, Cell]
) -> None:
    one = trained[name]
    found = generate(place, str(one.folder), "--raw", "--file", str(one.path("answers.jsonl")))
    assert {row["prompt"]: row["answer"] for row in found} == recorded(one)
    assert any(recorded(one).values())


def test_rows_of_one_file_go_to_different_cells(place: Path, trained: Mapping[str, Cell]) -> None:
    low, high = trained["low"], trained["high"]
    prompt = next(prompt for prompt, answer in recorded(low).items() if answer != recorded(high)[prompt])
    questions = place / "questions.jsonl"
    questions.write_text("".join(json.dumps({"prompt": prompt, "cell": one.id[:12]}) + "\n" for one in (high, low)))
    found = generate(place, low.id, high.id, "--raw", "--file", str(questions))
    assert [(row["cell"], row["answer"]) for row in found] == [(one.id, recorded(one)[prompt]) for one in (high, low)]


def test_a_prompt_goes_through_the_cells_template(
    place: Path, trained: Mapping[str, Cell], capsys: pytest.CaptureFixture[str]
) -> None:
    whole = next(iter(recorded(trained["high"])))
    question = whole.removeprefix("Describe this place: ").removesuffix("#")
    arguments = [trained["high"].id, "--prompt", question, f"output_root={place}", *ON]
    assert generate(place, *arguments[:3])[0]["answer"] == recorded(trained["high"])[whole]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert trained["high"].id in shown and "lora_r8_s0" in shown and question[:20] in shown


@pytest.mark.parametrize(
    ("names", "arguments", "message"),
    [
        (["low", "full"], ["--prompt", "a"], "cannot share a base: it trains the model's own weights; ask them one"),
        (["low", "ia3"], ["--prompt", "a"], "cannot share a base: lora and ia3 change a base in different ways"),
        (["low"], ["--prompt", " "], "--prompt must be a text, got nothing"),
        (["low"], ["--file", "absent.jsonl"], "--file absent.jsonl: no such file"),
        (["low"], ["--prompt", "a" * 3000], r"a prompt of \d+ tokens and the 8 of .* do not fit the model's \d+ posi"),
        (["low"], [], "one of the arguments --prompt --file is required"),
        ([], ["output_root=x", "--prompt", "a"], "name at least one cell"),
    ],
)
def test_mistakes_are_named(
    names: list[str], arguments: list[str], message: str, place: Path, trained: Mapping[str, Cell]
) -> None:
    with pytest.raises(UserError, match=message):
        main([*(trained[name].id for name in names), *arguments, f"output_root={place}", *ON])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"prompt": ""}', r"questions\.jsonl:1: prompt: a text is expected, got ''"),
        ('{"prompt": "a", "cell": "zz"}', r"questions\.jsonl:1: cell: unknown cell 'zz'"),
        ("{", r"questions\.jsonl:1: not JSON"),
    ],
)
def test_a_line_of_the_file_is_named(line: str, message: str, place: Path, trained: Mapping[str, Cell]) -> None:
    questions = place / "questions.jsonl"
    questions.write_text(line + "\n")
    with pytest.raises(DataError, match=message):
        main([trained["low"].id, "--file", str(questions), f"output_root={place}"])


def test_the_nearest_id_is_named(tmp_path: Path) -> None:
    made = complete(tmp_path)
    wrong = made.id[:-2] + "xx"
    with pytest.raises(ConfigError, match=f"cell '{wrong}' .*; did you mean {made.id}"):
        main([wrong, "--prompt", "a", f"output_root={tmp_path}"])


def test_only_finished_whole_and_alike_cells_are_asked(tmp_path: Path) -> None:
    made, larger = complete(tmp_path), complete(tmp_path, Status.DONE, "model.hidden=128")
    with pytest.raises(ConfigError, match="cannot share a base: their models are"):
        main([made.id, larger.id, "--prompt", "a", f"output_root={tmp_path}"])
    unfinished = complete(tmp_path, Status.INTERRUPTED, "seed=5")
    with pytest.raises(ConfigError, match="is interrupted; run its sweep again"):
        main([unfinished.id, "--prompt", "a", f"output_root={tmp_path}"])
    ranking = complete(tmp_path, Status.DONE, "sampler=choices")
    with pytest.raises(ConfigError, match="ranks given choices and decodes nothing; name another cell"):
        main([ranking.id, "--prompt", "a", f"output_root={tmp_path}"])
    (made.path("adapter") / "adapter_model.safetensors").write_bytes(b"short")
    with pytest.raises(DamagedError, match=r"adapter_model\.safetensors.*5 bytes of"):
        main([made.id, "--prompt", "a", f"output_root={tmp_path}"])
