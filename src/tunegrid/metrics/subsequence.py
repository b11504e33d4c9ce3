"""Longest common subsequences by bit-parallel dynamic programming (Hyyrö 2004)."""

from collections.abc import Sequence


def longest_common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    return len(left) - _rows(left, right)[-1].bit_count()


def common_places(left: Sequence[str], right: Sequence[str]) -> set[int]:
    """The places in `right` of one longest common subsequence: of several, the one that `rouge_score` walks back.

    In its table, T[i][j] is the length for `right[:i]` and `left[:j]`; it steps to the larger neighbour, of two equal
    ones to T[i − 1][j].
    """
    rows = _rows(left, right)
    found, i, j = set(), len(right), len(left)
    while i and j:
        if right[i - 1] == left[j - 1]:
            i, j = i - 1, j - 1
            found.add(i)
        elif _length(rows[i], j - 1) > _length(rows[i - 1], j):
            j -= 1
        else:
            i -= 1
    return found


def _rows(left: Sequence[str], right: Sequence[str]) -> list[int]:
    """After each token of `right`, the places of `left` as bits: 0 where the common subsequence grows by one."""
    places: dict[str, int] = {}
    for index, token in enumerate(left):
        places[token] = places.get(token, 0) | 1 << index
    everything = (1 << len(left)) - 1
    rows = [everything]
    for token in right:
        matched = rows[-1] & places.get(token, 0)
        rows.append(((rows[-1] + matched) | (rows[-1] - matched)) & everything)
    return rows


def _length(row: int, width: int) -> int:
    """The length for the first `width` tokens of `left`."""
    return width - (row & (1 << width) - 1).bit_count()
