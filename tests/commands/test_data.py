import json
import re

import pytest

from tunegrid.commands.data import main
from tunegrid.errors import ConfigError, DataError

TINY = ("model=tiny", "prompt.chat=never")
RECORDS = [{"prompt": f"Say {'a ' * i}{i}", "completion": f"{i}" * (i + 1)} for i in range(40)]


@pytest.fixture
def preview(tmp_path, capsys):
    """`preview("--rows", "2", records=[…])`: what the command prints for these records."""

    def show(*arguments, records=RECORDS):
        for part, some in {"train": records, "validation": records[:3], "test": records[:2]}.items():
            (tmp_path / f"{part}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in some))
        assert main(["preview", *arguments, *TINY, "data=records", f"data.path={tmp_path}"]) == 0
        return capsys.readouterr().out

    return show


def test_what_is_trained_on_is_marked_and_cut_into_tokens(preview):
    out = preview("--rows", "2")
    assert out.count("tokens of prompt") == 2
    assert "training row 1: 6 tokens of prompt, 2 trained\nSay 0\n⟦0</s>⟧\nS|a|y|▁|0|⏎|0|</s>\n" in out


def test_lengths_are_those_of_the_rows(preview):
    table = {line[:16].strip(): line[16:].split() for line in preview().splitlines() if line[16:].strip()}
    asked, answered = ([len(record[side]) + 1 for record in RECORDS] for side in ("prompt", "completion"))
    whole = sorted(map(sum, zip(asked, answered, strict=True)))  # a line end and the end of text count
    rows, least, median, _, most = map(int, table["training rows"])
    assert (rows, least, most) == (40, whole[0], whole[-1]) and median in whole[19:21]
    assert table["test prompts"][0] == "2" and table["validation rows"][-1] == str(whole[2])


def test_what_is_left_out_and_what_is_there_twice_is_counted(preview):
    plain = [{"prompt": f"{i}", "completion": "x"} for i in range(20)]
    shouted = [{"prompt": f"{i}!", "completion": "X"} for i in range(20)]
    out = preview("data.max_length=5", records=[*plain, *shouted])
    assert "training: 10 rows over 5 tokens left out" in out  # two figures and a mark
    assert "training: 20 rows repeat another word for word, 0 nearly (train.jsonl:21 of train.jsonl:1, " in out
    assert "test: 2 prompts are training prompts word for word, 0 nearly (test.jsonl:1 of train.jsonl:1, " in out
    assert "data.copies=remove leaves these training rows out" in out


def test_rows_of_a_mixture_name_their_task(capsys):
    parts = [f"+data@data.parts.{name}=restaurants" for name in ("one", "two")]
    assert main(["preview", *TINY, "data=mixture", *parts, "data.rows=8", "--rows", "8"]) == 0
    titles = re.findall(r"training row \d of (\w+):", capsys.readouterr().out)
    assert titles == ["one"] * 4 + ["two"] * 4


def test_mistakes_are_the_user_s(tmp_path):
    (tmp_path / "f.jsonl").write_text('{"prompt": "a"\n')
    with pytest.raises(DataError, match=r"f\.jsonl:1: not JSON"):
        main(["preview", *TINY, "data=records", f"data.path={tmp_path}/f.jsonl"])
    with pytest.raises(ConfigError, match="--rows must be at least 1, got 0"):
        main(["preview", "--rows", "0"])
    with pytest.raises(ConfigError, match=r"tunegrid data: .*invalid choice: 'prevew'"):
        main(["prevew"])
