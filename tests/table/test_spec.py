import pytest

from tunegrid.errors import ConfigError
from tunegrid.table.spec import FigureSpec, TableSpec


def spec(columns: list[str], row: object = "method.rank", y: str = "BLEU") -> TableSpec:
    figure = FigureSpec(x="method.rank", y=y)
    return TableSpec(
        title="T", row=row, columns=columns, published=None, figure=figure, choose=None, protocol=[], stages=[]
    )


@pytest.mark.parametrize(
    ("columns", "row", "y", "message"),
    [
        ([], "method.rank", "BLEU", r"table\.columns must name at least one score"),
        (["BLEU", "BLEU"], "method.rank", "BLEU", r"table\.columns must name each score once"),
        (["BLUE"], "method.rank", "BLEU", r"table\.columns: unknown metric 'BLUE'; did you mean BLEU"),
        (["BLEU"], "", "BLEU", r"table\.row must name a config key"),
        (["BLEU"], [], "BLEU", r"table\.row must name a config key such as method\.rank, or a list of them"),
        (["BLEU"], ["method.rank", ""], "BLEU", r"table\.row must name a config key"),
        (["BLEU"], ["method.rank", "method.rank"], "BLEU", r"table\.row must name each key once"),
        (["BLEU"], 4, "BLEU", r"table\.row must name a config key .*, got 4"),
        (["BLEU"], "method.rank", "NIST", r"table\.figure\.y must be one of table\.columns \(BLEU\), got NIST"),
    ],
)
def test_mistakes(columns: list[str], row: object, y: str, message: str):
    with pytest.raises(ConfigError, match=message):
        spec(columns, row, y)
