import json
from pathlib import Path

import pytest

from tunegrid.commands.perturb import main
from tunegrid.errors import ConfigError, DataError


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_lines_stay_lines(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([written(tmp_path, "questions.txt", "Who is not here?\n\nÉté\n"), "--kind", "contract"]) == 0
    assert capsys.readouterr().out == "Who isn't here?\n\nÉté\n"


def test_one_key_of_records_changes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = '{"question": "Who?", "output": "Me"}\n{"question": "Où?", "output": "Là"}\n'
    assert main([written(tmp_path, "rows.jsonl", rows), "--kind", "upper", "--key", "question"]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert printed == [{"question": "WHO?", "output": "Me"}, {"question": "OÙ?", "output": "Là"}]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--kind", "typos"], "--kind: unknown kind 'typos'; did you mean typo"),
        (["--kind", "typo", "--percent", "0"], "--percent must be from 1 to 100, got 0"),
        (["--kind", "typo"], r"rows.jsonl:1: input: no text; name another of question by --key"),
        ([], "required: --kind; see tunegrid perturb --help"),
    ],
)
def test_mistakes(tmp_path: Path, extra: list[str], message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        main([written(tmp_path, "rows.jsonl", '{"question": "Who?"}\n'), *extra])


def test_a_missing_file(tmp_path: Path) -> None:
    for name in ("none.txt", "none.jsonl"):
        with pytest.raises(DataError, match=r"none\.\w+: (can't be read|no such file)"):
            main([str(tmp_path / name), "--kind", "lower"])
