"""How a cell writes a prompt that somebody gives it. Imports no torch."""

from tunegrid.cell.cell import Cell
from tunegrid.data import Example
from tunegrid.errors import ConfigError
from tunegrid.prompt import Prompt
from tunegrid.prompt.encoding import Encoder
from tunegrid.prompt.few_shot import FewShot


def fitted_prompt(cell: Cell) -> Prompt:
    """The cell's prompt; one with solved examples takes them from the cell's data."""
    run = cell.run
    return (
        run.prompt.fitted(run.data.template, run.data.splits().train) if isinstance(run.prompt, FewShot) else run.prompt
    )


def only_column(cell: Cell) -> str:
    """The one column of the cell's template, which a prompt fills. Raises `ConfigError` where there are others."""
    columns = cell.run.data.template.columns()
    if len(columns) != 1:
        named = ", ".join(columns) or "none"
        raise ConfigError(
            f"cell {cell.id} ({cell.title}) has a template of {len(columns)} columns ({named}), and a prompt fills "
            "one; write the whole prompt and give --raw"
        )
    return columns[0]


def prompt_text(asked: str, cell: Cell, prompt: Prompt, encoder: Encoder) -> str:
    """What the model reads where `asked` is the prompt."""
    example = Example("", {only_column(cell): asked}, ())
    return encoder.text(prompt.turns(cell.run.data.template, example))
