import json
from pathlib import Path

import pytest

from tunegrid.errors import DataError
from tunegrid.table.output import find_published
from tunegrid.table.published import read_published

HEAD = "# source: A et al. 2020\n# protocol model.name: gpt2 | gpt2_medium\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "numbers.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_numbers_scale_protocol_and_remarks(tmp_path: Path):
    text = (
        HEAD
        + "# scale BLEU: 100\n# unknown: seeds\n# note: a remark: with colons\nrow,BLEU,NIST\n1,68.70,8.7\n2,,8.8\n"
    )
    published = read_published(write(tmp_path, text))
    assert published.value("1", "BLEU") == 68.7
    assert published.value("2", "BLEU") is None
    assert published.value("3", "NIST") is None
    assert (published.scale("BLEU"), published.scale("NIST")) == (100.0, 1.0)
    assert (published.decimals("BLEU"), published.decimals("NIST"), published.decimals("CIDEr")) == (2, 1, 0)
    assert published.protocol == {"model.name": ("gpt2", "gpt2_medium")}
    assert published.notes == ("a remark: with colons",)


def test_a_spread_stands_in_brackets_behind_its_number_and_a_note_says_what_it_is(tmp_path: Path):
    text = HEAD + "# spread: standard deviation over 5 seeds\nrow,BLEU\n1,68.70 (0.4)\n2,68.9\n"
    published = read_published(write(tmp_path, text))
    assert (published.value("1", "BLEU"), published.spread("1", "BLEU")) == (68.7, "0.4")
    assert published.spread("2", "BLEU") is None
    assert published.decimals("BLEU") == 2
    assert published.notes == ("in brackets: standard deviation over 5 seeds",)
    assert published.others("BLEU", {"2"}) == (("1", "68.70 (0.4)"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row,BLEU\n1,2\n", "no '# source: …' line"),
        ("# source: A\nrow,BLEU\n1,2\n", "no '# protocol KEY: VALUE' line"),
        (HEAD + "rank,BLEU\n1,2\n", r"numbers\.csv:3: the header must start with 'row'"),
        (HEAD, r"numbers\.csv:1: the header must start with 'row'"),
        (HEAD + "row,BLEU\n1,2,3\n", r"numbers\.csv:4: 3 entries under 2 columns"),
        (HEAD + "row,BLEU\n1,n/a\n", r"numbers\.csv:4: BLEU must be a number, got 'n/a'; leave it empty"),
        (HEAD + "row,BLEU\n1,nan\n", r"numbers\.csv:4: BLEU must be a number, got 'nan'"),
        (HEAD + "row,BLEU\n1,2 (x)\n", r"numbers\.csv:4: BLEU must be a number, got '2 \(x\)'"),
        (HEAD + "row,BLEU\n1,2 (0.1\n", r"numbers\.csv:4: BLEU must be a number, got '2 \(0\.1'"),
        (HEAD + "row,BLEU\n1,2 (0.1)\n", "a spread in brackets, but no '# spread: …' line"),
        (HEAD + "row,BLEU\n1,2\n1,3\n", r"numbers\.csv:5: row '1' is there twice"),
        (HEAD + "# scale BLEU: zero\nrow,BLEU\n", "'# scale BLEU' must be a positive number, got 'zero'"),
        (HEAD + "# sorce: B\nrow,BLEU\n", "unknown comment 'sorce'; write '# KEY: text'"),
    ],
)
def test_mistakes_name_file_line_and_way_out(tmp_path: Path, text: str, message: str):
    with pytest.raises(DataError, match=message):
        read_published(write(tmp_path, text))


def test_missing_file_is_named(tmp_path: Path):
    with pytest.raises(DataError, match=r"none\.csv: cannot be read"):
        read_published(tmp_path / "none.csv")


def test_shipped_rank_table_is_the_one_transcribed_from_the_paper(shared: Path):
    facts = json.loads((shared / "published_tables" / "hu2021_lora.json").read_text(encoding="utf-8"))["rank_table"]
    published = read_published(find_published("lora_rank.csv"))
    numbers = {
        (str(row[0]), name): value
        for row in facts["rows"]
        for name, value in zip(facts["columns"][1:], row[1:], strict=True)
    }
    assert {key: float(printed.value) for key, printed in published.numbers.items()} == numbers
    assert published.scale("BLEU") == 100


def test_shipped_rank_table_has_every_rank():
    published = read_published(find_published("lora_rank.csv"))
    assert [int(row) for row, name in published.numbers if name == "BLEU"] == [2**power for power in range(11)]
    assert published.value("4", "BLEU") == 70.38
