from itertools import combinations

import pytest
from matplotlib.figure import Figure

from tunegrid.table.point_names import Named, name_points


def names_of(points: list[Named], scale: str = "linear"):
    axes = Figure(figsize=(6.4, 4.0)).add_subplot()
    for point in points:
        axes.errorbar(point.x, point.value, [[point.value - point.low], [point.high - point.value]])
    axes.set_xscale(scale)
    name_points(axes, points)
    return axes, {text.get_text(): text for text in axes.texts}


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_names_of_neighbours_cover_neither_each_other_nor_an_interval(scale: str) -> None:
    places = enumerate((10.0, 30.0, 30.0, 30.1, 50.0, 51.0))
    points = [Named(x, 0.5 + x / 1000, 0.4, 0.6, f"name {number}") for number, x in places]
    axes, names = names_of(points, scale)
    assert len(names) == len(points)
    boxes = [text.get_window_extent() for text in names.values()]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    for text, point in zip(names.values(), points, strict=True):
        low, high = axes.transData.transform([(point.x, point.low), (point.x, point.high)])
        assert text.xy[0] == point.x
        for other in boxes:
            assert not (other.x0 < low[0] < other.x1 and other.y0 < high[1] and other.y1 > low[1])


def test_a_name_at_the_left_does_not_cover_the_axis() -> None:
    axes, names = names_of([Named(0, 1, 0.9, 1.1, "a long name at the left"), Named(9, 2, 1.9, 2.1, "b")])
    assert names["a long name at the left"].get_window_extent().x0 > axes.bbox.x0
    assert names["b"].get_window_extent().y0 > axes.transData.transform((9, 2.1))[1]


def test_long_names_at_the_right_stay_in_the_figure_though_their_points_are_the_same() -> None:
    long = [Named(9, 0.5, 0.1, 0.9, f"the {which} of two names that are long") for which in ("first", "second")]
    axes, names = names_of([Named(0, 0.5, 0.4, 0.6, "a"), *long])
    boxes = [text.get_window_extent() for text in names.values()]
    assert all(box.x1 <= axes.figure.bbox.x1 for box in boxes)
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
