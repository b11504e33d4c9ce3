import json
from pathlib import Path

import pytest

from tunegrid.commands.agreement import main
from tunegrid.errors import ConfigError, DataError

RATINGS = "unit,Ann,Bea,Cem\nu1,1,1,\nu2,2,3,2\nu3,3,3,3\nu4,1,1,1\nu5,,2,\n"


def ratings(folder: Path, text: str) -> str:
    path = folder / "ratings.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_alpha_of_all_and_kappa_of_pairs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    head, *units = RATINGS.splitlines(keepends=True)
    assert main([ratings(tmp_path, head + 8 * "".join(units)), "--level", "interval", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["level", "alpha", "kappa Ann, Bea", "kappa Ann, Cem", "kappa Bea, Cem"]
    assert found["kappa Ann, Cem"]["value"] == 1.0
    # u1 … u4 of Ann and Bea: 3 of 4 agree; by chance (2·2 + 1·0 + 1·2)/16.
    assert found["kappa Ann, Bea"]["value"] == pytest.approx((3 / 4 - 6 / 16) / (1 - 6 / 16))
    assert 0.5 < found["alpha"]["low"] < found["alpha"]["value"] <= found["alpha"]["high"] <= 1


def test_names_are_compared_as_names(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = ratings(tmp_path, "unit,A,B\n1,polite,polite\n2,rude,rude\n3,polite,rude\n")
    assert main([path]) == 0
    printed = capsys.readouterr().out
    assert "alpha (nominal)" in printed and "kappa A, B" in printed and "3 units" in printed


@pytest.mark.parametrize(
    ("text", "level", "message"),
    [
        (RATINGS, "rational", "--level: unknown level 'rational'; known: interval, nominal, ordinal"),
        ("unit,A\n1,2\n", "nominal", r"ratings.csv:1: agreement needs two raters at least"),
        ("unit,A,B\n1,2\n", "nominal", r"ratings.csv:2: 2 columns where the first line has 3"),
        ("unit,A,B\n", "nominal", r"ratings.csv: no units"),
        ("unit,A,B\n1,2,good\n", "ordinal", r"ratings.csv:2: could not convert .* this level needs numbers"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, level: str, message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message) as caught:
        main([ratings(tmp_path, text), "--level", level])
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file or directory"):
        main([str(tmp_path / "missing.csv")])
