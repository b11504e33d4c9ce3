import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from tunegrid.commands.score import main
from tunegrid.errors import ConfigError, DataError, UserError

ANSWERS = ["The Eagle is a cheap pub.", "Green Man is near the river.", ""]
REFERENCES = "The Eagle is a cheap pub.\nA cheap pub is The Eagle.\n\nGreen Man is by the river.\n\nIt is dear.\n"


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    predictions, references = tmp_path / "predictions.txt", tmp_path / "references.txt"
    predictions.write_text("\n".join(ANSWERS) + "\n", encoding="utf-8")
    references.write_text(REFERENCES, encoding="utf-8")
    return ["--predictions", str(predictions), "--references", str(references)]


def scores(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> dict[str, dict[str, float]]:
    assert main([*arguments, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == {"scores"}
    return printed["scores"]


def test_json(capsys: pytest.CaptureFixture[str], files: list[str]) -> None:
    found = scores(capsys, ["e2e", *files, "metrics.meteor=false"])
    assert list(found) == ["BLEU", "NIST", "METEOR", "ROUGE_L", "CIDEr"]
    assert found["METEOR"] == {"value": None, "reason": "switched off by metrics.meteor=false"}
    for name in ("BLEU", "NIST", "ROUGE_L", "CIDEr"):
        assert set(found[name]) == {"value", "low", "high"}
        assert found[name]["low"] <= found[name]["value"] <= found[name]["high"]


def test_the_seed_decides(capsys: pytest.CaptureFixture[str], files: list[str], tmp_path: Path) -> None:
    words = [f"{index} {'right' if index % 3 else 'left'} {'x ' * (index % 7)}" for index in range(40)]
    (tmp_path / "predictions.txt").write_text("\n".join(words), encoding="utf-8")
    (tmp_path / "references.txt").write_text("\n".join(f"{index} right x" for index in range(40)), encoding="utf-8")
    one, same, other = (scores(capsys, ["text", *files, "--seed", seed]) for seed in ("1", "1", "2"))
    assert one == same
    assert one != other
    assert one["rougeL"]["value"] == other["rougeL"]["value"]


def test_people_get_a_table(capsys: pytest.CaptureFixture[str], files: list[str]) -> None:
    assert main(["text", *files, "--resamples", "200"]) == 0
    printed = capsys.readouterr().out
    assert "SacreBLEU" in printed
    assert "3 instances; intervals over 200 bootstrap samples" in printed


def test_none_has_nothing_to_say(capsys: pytest.CaptureFixture[str], files: list[str]) -> None:
    assert scores(capsys, ["none", *files]) == {}


def test_the_python_variant_is_an_override(capsys: pytest.CaptureFixture[str], files: list[str]) -> None:
    perl = scores(capsys, ["e2e", *files, "metrics.meteor=false"])
    python = scores(capsys, ["e2e", *files, "metrics.meteor=false", "metrics.mteval=python"])
    assert perl["NIST"] != python["NIST"]
    assert perl["CIDEr"] == python["CIDEr"]


@pytest.mark.parametrize(
    ("name", "extra", "message"),
    [
        ("e2ee", [], r"unknown metrics 'e2ee'; did you mean e2e; known: .*\be2e, .*\btext\b"),
        ("text", ["--resamples", "9"], "--resamples must be at least 100, got 9"),
        ("text", ["--resamples", "x"], "argument --resamples: invalid int value"),
        ("text", ["--seed", "-1"], "--seed must be at least 0, got -1"),
        ("text", ["--what"], "unrecognized arguments: --what"),
        (
            "e2e",
            ["metrics.mteval=ruby"],
            r"metrics.mteval=ruby: Invalid value 'ruby', expected one of \[perl, python\]",
        ),
        ("e2e", ["metrics.metor=false"], "unknown key of metrics 'metor'; did you mean meteor"),
        ("e2e", ["seed=1"], "'seed=1' is no override of metrics"),
    ],
)
def test_mistakes(files: list[str], name: str, extra: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        main([name, *files, *extra])
    assert "\n" not in str(caught.value)


def test_different_numbers_of_instances(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "predictions.txt").write_text("one\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"references.txt: references for 3 instances, but there are 1 predictions"):
        main(["text", *files])


def test_a_missing_option_is_one_line() -> None:
    with pytest.raises(UserError, match="required: --predictions; see tunegrid score --help"):
        main(["e2e"])


def test_torch_stays_out(files: list[str]) -> None:
    program = (
        "import sys; from tunegrid.commands.score import main; "
        "code = main(sys.argv[1:]); sys.exit(code or any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    command = [sys.executable, "-c", program, "e2e", *files, "metrics.meteor=false"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "answers.jsonl"
    rows = [
        {"answer": "yes" if index % 2 else "no", "references": ["yes"], "region": "north" if index % 2 else "south"}
        for index in range(20)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_records_hold_their_references(capsys: pytest.CaptureFixture[str], records: Path) -> None:
    found = scores(capsys, ["qa", "--predictions", str(records)])
    assert found["squad_exact"]["value"] == 0.5


def test_groups_have_scores_and_a_gap(capsys: pytest.CaptureFixture[str], records: Path) -> None:
    arguments = ["qa", "--predictions", str(records), "--group", "region"]
    assert main([*arguments, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["scores", "group north", "group south", "gaps"]
    assert printed["group north"]["squad_exact"]["value"] == 1.0
    assert printed["gaps"]["squad_exact"] == {"value": 1.0, "low": 1.0, "high": 1.0, "p_value": pytest.approx(1 / 1001)}
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "squad_f1, group south" in printed and "squad_f1, gaps" in printed and "of no gap" in printed


def test_perturbed_answers_give_a_worst_and_a_mean(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def write(name: str, *texts: str) -> str:
        (tmp_path / name).write_text("\n".join(texts) + "\n", encoding="utf-8")
        return str(tmp_path / name)

    arguments = ["qa", "--predictions", write("p", "a b", "c d"), "--references", write("r", "a b", "c d")]
    arguments += ["--perturbed", write("upper", "a b", "x y"), "--perturbed", write("typo", "x y", "c d")]
    assert main([*arguments, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    values = {section: several["squad_exact"]["value"] for section, several in printed.items()}
    assert values == pytest.approx({"scores": 1.0, "worst_case": 0.0, "mean_case": 4 / 6})


def test_what_has_no_value_is_null(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "p").write_text("1\n1\n1\n", encoding="utf-8")
    (tmp_path / "r").write_text("1\n2\n3\n", encoding="utf-8")
    arguments = ["regression", "--predictions", str(tmp_path / "p"), "--references", str(tmp_path / "r")]
    assert scores(capsys, arguments)["spearman"] == {"value": None, "low": None, "high": None}
    assert main(arguments) == 0
    assert "these answers give it no value" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--group", "regoin"], r"answers.jsonl:1: regoin: missing; it has answer, references, region"),
        (["--perturbed", "{folder}/missing"], "missing: no such file or directory"),
        (["--references", "{folder}/none.jsonl"], r"none.jsonl: no such file; give a text file, or .jsonl"),
    ],
)
def test_mistakes_in_records(records: Path, extra: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        main(["qa", "--predictions", str(records), *(text.format(folder=records.parent) for text in extra)])


def test_groups_need_records(files: list[str]) -> None:
    with pytest.raises(DataError, match=r"--group region: neither file has records; name one .jsonl"):
        main(["text", *files, "--group", "region"])


def test_text_needs_references(files: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"required: --references, unless the predictions are .jsonl"):
        main(["text", *files[:2]])


def choice_records(folder: Path, **changed: object) -> list[str]:
    row = {"answer": "b", "references": ["b"], "choices": ["a", "b"], "log_likelihoods": [-2.0, -1.0], "gold": 1}
    path = folder / "choices.jsonl"
    path.write_text(json.dumps(row) + "\n" + json.dumps({**row, "gold": 0, **changed}) + "\n", encoding="utf-8")
    return ["multiple_choice", "--predictions", str(path)]


def test_choices_are_scored_by_their_likelihoods(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = scores(capsys, choice_records(tmp_path))
    likely = 1 / (1 + math.exp(-1))
    expected = {"acc": 0.5, "acc_norm": 0.5, "ECE": likely - 0.5, "Brier": (1 - likely) ** 2 + likely**2}
    assert {name: entry["value"] for name, entry in found.items()} == pytest.approx(expected)


def test_choices_have_a_worst_case_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = choice_records(tmp_path)
    assert main([*arguments, "--perturbed", arguments[-1], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["worst_case"]["acc"]["value"] == 0.5


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"gold": 2}, r"choices.jsonl: record 2: 2 choices, 2 log_likelihoods, gold 2; give each choice"),
        ({"gold": "b"}, r"choices.jsonl:2: gold: must be the place of the right choice, from 0, got 'b'"),
        ({"log_likelihoods": [1, None]}, r"choices.jsonl:2: log_likelihoods: must be a list of numbers"),
        ({"choices": ["a"]}, r"choices.jsonl: record 2: 1 choices, 2 log_likelihoods"),
    ],
)
def test_bad_choices(tmp_path: Path, changed: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        main(choice_records(tmp_path, **changed))


def test_choices_without_likelihoods_have_no_score(capsys: pytest.CaptureFixture[str], records: Path) -> None:
    found = scores(capsys, ["multiple_choice", "--predictions", str(records)])
    assert found["acc"] == {"value": None, "reason": "needs the likelihoods of given choices: sampler=choices"}


def test_answers_that_nobody_else_has_given_are_scored_without_references(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text("".join(json.dumps({"answer": answer, "references": []}) + "\n" for answer in ("a b", "a c")))
    assert scores(capsys, ["diversity", "--predictions", str(path)])["distinct1"]["value"] == 0.75
    with pytest.raises(DataError, match=r"answers\.jsonl:1: references: must be a list of texts, at least one"):
        main(["text", "--predictions", str(path)])
