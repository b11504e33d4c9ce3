"""Whether finished cells can be put on one base. Imports no torch."""

from collections.abc import Sequence

from tunegrid.cell.cell import Cell
from tunegrid.cell.identity import schema_name
from tunegrid.cell.integrity import ADAPTER
from tunegrid.cell.result import Result
from tunegrid.errors import ConfigError
from tunegrid.method import Alone
from tunegrid.method.base import Base


def check_saved(cell: Cell, result: Result) -> None:
    """Raise `ConfigError` for a cell that has left nothing to load."""
    if not isinstance(cell.run.method, Base) and not any(name.startswith(f"{ADAPTER}/") for name in result.files):
        raise ConfigError(f"cell {cell.id} ({cell.title}) has saved no adaptation; run it again with force=true")


def check_shared(cells: Sequence[Cell]) -> None:
    """Raise `ConfigError` where the cells need more than one base."""
    for cell in cells[1:]:
        reason = _apart(cells[0], cell)
        if reason is not None:
            both = f"{cells[0].title} ({cells[0].id}) and {cell.title} ({cell.id})"
            raise ConfigError(f"{both} cannot share a base: {reason}; ask them one at a time")


def _apart(first: Cell, other: Cell) -> str | None:
    """Why not."""
    methods = first.run.method, other.run.method
    families = [method.pack_family() for method in methods]
    alone = next((family for family in families if isinstance(family, Alone)), None)
    if first.run.model.identity() != other.run.model.identity():
        return f"their models are {first.run.model.name} and {other.run.model.name}"
    if methods[0].quantisation() != methods[1].quantisation():
        return "their bases are held in different codes"
    if alone is not None:
        return alone.because
    if families[0] != families[1]:
        return " and ".join(schema_name("method", method) for method in methods) + " change a base in different ways"
    return None
