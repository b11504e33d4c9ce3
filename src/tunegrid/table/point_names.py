"""Names beside the points of a figure, where they cover neither each other nor an interval."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

SIZE = 7
"""Of the letters, in points."""
HALF_WIDTH = 4
"""Pixels that a point and its interval take on either side."""


@dataclass(frozen=True, slots=True)
class Named:
    """A point with its interval and its name."""

    x: float
    value: float
    low: float
    high: float
    name: str


def name_points(axes: "Axes", points: Sequence[Named]) -> None:
    """Write each name above its interval, or where it first covers nothing: below it, or beside the point.

    The vertical axis is not covered either, and no name leaves the figure. Scales have to be final. Where every place
    is taken, the first in the figure serves.
    """
    axes.autoscale_view()  # limits that matplotlib puts off
    taken = [_interval(axes, point) for point in points]
    for own, point in enumerate(points):
        others = [*taken[:own], *taken[own + 1 :]]
        tried = [(label, label.get_window_extent()) for label in _tried(axes, point)]
        inside = [axes.bbox.x0 <= box.x0 and box.x1 <= axes.figure.bbox.x1 for _, box in tried]
        free = [is_in and not any(map(box.overlaps, others)) for is_in, (_, box) in zip(inside, tried, strict=True)]
        chosen = next((place for place in (free, inside) if any(place)), [True]).index(True)
        for place, (label, _) in enumerate(tried):
            if place != chosen:
                label.remove()
        taken.append(tried[chosen][1])


def _interval(axes: "Axes", point: Named) -> "Bbox":
    from matplotlib.transforms import Bbox

    (left, bottom), (right, top) = axes.transData.transform([(point.x, point.low), (point.x, point.high)])
    return Bbox([[left - HALF_WIDTH, bottom - HALF_WIDTH], [right + HALF_WIDTH, top + HALF_WIDTH]])


def _tried(axes: "Axes", point: Named) -> Iterator["Annotation"]:
    """The name in each of its places."""
    places = (
        (point.high, (0, 2), "center", "bottom"),
        (point.low, (0, -2), "center", "top"),
        (point.value, (5, 2), "left", "bottom"),
        (point.value, (-5, 2), "right", "bottom"),
        (point.value, (5, -2), "left", "top"),
        (point.value, (-5, -2), "right", "top"),
        (point.high, (5, 2), "right", "bottom"),
        (point.low, (5, -2), "right", "top"),
    )
    for y, offset, across, along in places:
        yield axes.annotate(
            point.name, (point.x, y), offset, textcoords="offset points", fontsize=SIZE, ha=across, va=along
        )
