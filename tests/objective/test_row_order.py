from collections import Counter

from tunegrid.objective.row_order import rows_of_step


def drawn(seed: int, steps: int, batch_size: int, total: int) -> list[int]:
    return [row for step in range(steps) for row in rows_of_step(seed, step, batch_size, total)]


def test_every_epoch_is_a_permutation_also_across_the_batches_that_span_two() -> None:
    order = drawn(seed=3, steps=21, batch_size=4, total=28)  # 84 rows: three epochs
    assert Counter(order) == {row: 3 for row in range(28)}
    assert sorted(order[:28]) == sorted(order[28:56]) == list(range(28))
    assert order[:28] != order[28:56]


def test_order_is_the_seeds_own_and_does_not_depend_on_the_batch_size() -> None:
    assert drawn(1, 10, 4, 30) == drawn(1, 5, 8, 30)
    assert drawn(1, 10, 4, 30) != drawn(2, 10, 4, 30)


def test_a_batch_may_be_larger_than_the_data() -> None:
    assert Counter(rows_of_step(0, 0, 10, 5)) == {row: 2 for row in range(5)}
