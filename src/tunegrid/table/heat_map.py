"""A score over both row keys of a table, as a heat map with the best of each comparison and what ties with it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tunegrid.table.layout import number, short_key, with_interval
from tunegrid.table.model import Entry, ScoreColumn, Standing, Table
from tunegrid.table.notes import TIED_MARK
from tunegrid.table.palette import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FRAMES: dict[Standing, tuple[Literal["solid", "dashed"], float]] = {
    Standing.BEST: ("solid", 2.2),
    Standing.TIED: ("dashed", 1.2),
}
"""Line style and width around a place."""
DARK = 0.55
"""Share of the way from worst to best from which text is light."""
WIDE = 6
"""Places across; more have smaller text."""

Places = dict[tuple[float | str, float | str], Entry]
"""(value across, value up) → entry."""


def is_heat_map(table: Table) -> bool:
    """Whether the figure is over two row keys that between them tell all trained rows apart."""
    if len(table.row_keys) != 2 or table.x_key not in table.row_keys:
        return False
    places = [str(head.values) for head in table.rows if None not in head.values]
    return len(set(places)) == len(places)


def places_of(table: Table, column: ScoreColumn) -> Places:
    """What a heat map of a score shows; rows without one of the keys have no place in it."""
    across = table.row_keys.index(table.x_key)
    return {
        (_place(head.values[across]), _place(head.values[1 - across])): entry
        for head, entry in zip(table.rows, column.entries, strict=True)
        if None not in head.values and entry.value is not None
    }


def _place(value: Any) -> float | str:
    return value if isinstance(value, int | float) else str(value)


def draw_heat_map(axes: "Axes", table: Table, column: ScoreColumn) -> None:
    """Colours, values with intervals, frames around the best and what ties with it, axes and legend."""
    places = places_of(table, column)
    across, up = (_ordered(place[axis] for place in places) for axis in (0, 1))
    goodness = _goodness(places, column.lower_is_better)
    shades = np.full((len(up), len(across)), np.nan)
    for (x, y), share in goodness.items():
        shades[up.index(y), across.index(x)] = share
    _colour(axes, shades)
    for place, entry in places.items():
        corner = (across.index(place[0]), up.index(place[1]))
        _write(axes, corner, entry, column.decimals, goodness[place] > DARK, small=len(across) > WIDE)
    _label(axes, table, across, up)
    _explain(axes, table, column)


def _ordered(values: Iterable[Any]) -> list[Any]:
    """Numbers by size, anything else as it comes."""
    distinct = list(dict.fromkeys(values))
    return sorted(distinct) if all(isinstance(value, int | float) for value in distinct) else distinct


def _goodness(places: Places, lower_is_better: bool) -> dict[tuple[float | str, float | str], float]:
    """From 0, the worst, to 1, the best."""
    values = {place: entry.value for place, entry in places.items() if entry.value is not None}
    low, high = min(values.values(), default=0.0), max(values.values(), default=0.0)
    spread = (high - low) or 1.0
    return {place: (high - value if lower_is_better else value - low) / spread for place, value in values.items()}


def _colour(axes: "Axes", shades: np.ndarray) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("heat", PALETTE.heat)
    axes.pcolormesh(np.ma.masked_invalid(shades), cmap=colours, vmin=0, vmax=1, edgecolors="none")


def _write(axes: "Axes", corner: tuple[int, int], entry: Entry, decimals: int, is_dark: bool, small: bool) -> None:
    from matplotlib.patches import Rectangle

    colour, weight = PALETTE.on_heat[is_dark], "bold" if entry.standing is Standing.BEST else "normal"
    mark = f" {TIED_MARK}" if entry.standing is Standing.TIED else ""
    text = with_interval(entry, decimals).replace(" ±", "\n±") + mark
    size = 6 if small else 8
    axes.text(
        corner[0] + 0.5, corner[1] + 0.5, text, ha="center", va="center", color=colour, weight=weight, fontsize=size
    )
    if entry.standing in FRAMES:
        style, width = FRAMES[entry.standing]
        inner = (corner[0] + 0.04, corner[1] + 0.06)
        axes.add_patch(Rectangle(inner, 0.92, 0.88, fill=False, edgecolor=colour, linestyle=style, linewidth=width))


def _label(axes: "Axes", table: Table, across: list[Any], up: list[Any]) -> None:
    other = table.row_keys[1 - table.row_keys.index(table.x_key)]
    axes.set_xticks([place + 0.5 for place in range(len(across))], [str(value) for value in across])
    axes.set_yticks([place + 0.5 for place in range(len(up))], [str(value) for value in up])
    axes.set_xlabel(short_key(table.x_key).replace("_", " "))
    axes.set_ylabel(short_key(other).replace("_", " "))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _explain(axes: "Axes", table: Table, column: ScoreColumn) -> None:
    """The legend: what dark and the frames mean, the noise between seeds, the untrained model."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    same = short_key(table.row_keys[0]).replace("_", " ")
    frames = {
        Standing.BEST: f"best of the same {same}",
        Standing.TIED: f"{TIED_MARK} not told apart from it",
    }
    present = {entry.standing for entry in column.entries}
    handles: list[Patch | Line2D] = [Patch(color=PALETTE.heat[1], label=f"darker: better {column.name}")]
    for standing, label in frames.items():
        if standing in present:
            style, width = FRAMES[standing]
            handles.append(Patch(fill=False, edgecolor=PALETTE.ink, linestyle=style, linewidth=width, label=label))
    said = _untrained(table, column)
    if column.seed_deviation is not None:
        said.append(f"noise floor: ± {number(column.seed_deviation, column.decimals)} between seeds")
    handles += [Line2D([], [], linestyle="none", label=text) for text in said]
    axes.figure.legend(handles=handles, frameon=False, fontsize=8, ncols=3, loc="lower center", columnspacing=1.2)


def _untrained(table: Table, column: ScoreColumn) -> list[str]:
    """What the untrained model scores, or the range of several."""
    paired = zip(table.rows, column.entries, strict=True)
    entries = [entry for head, entry in paired if head.is_base and entry.value is not None]
    if len(entries) == 1:
        return [f"untrained: {with_interval(entries[0], column.decimals)}"]
    values = sorted(entry.value for entry in entries if entry.value is not None)
    return (
        [f"untrained: {number(values[0], column.decimals)} to {number(values[-1], column.decimals)}"] if values else []
    )
