import pytest

from tunegrid.pack.route import Router, Share


def test_units_stand_for_several_rows() -> None:
    router = Router()
    with router.over(Share("one", 2), Share("none", 0), Share("two", 3)):
        spans = [(span.share.name, span.start, span.stop) for span in router.spans(20)]
    assert spans == [("one", 0, 8), ("two", 8, 20)]


def test_rows_that_do_not_divide_are_refused() -> None:
    router = Router()
    with router.over(Share("one", 3)), pytest.raises(ValueError, match=r"cannot divide 4 rows .* into 3 units"):
        router.spans(4)


def test_the_division_before_comes_back() -> None:
    router = Router()
    with router.over(Share("outer", 1)):
        with router.over(Share("inner", 1)):
            pass
        assert router.shares == (Share("outer", 1),)
