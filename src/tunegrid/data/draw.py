"""Random draws that are the same on every machine and Python version: a stream of SHA-256 digests."""

from collections.abc import Sequence
from hashlib import sha256
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """An endless stream of draws named by a text; two streams of one name are equal.

    `random.Random` promises only `random()` to stay the same between Python versions, not `choice` or `shuffle`.
    """

    def __init__(self, name: str) -> None:
        self._name = name.encode()
        self._block = 0
        self._numbers: list[int] = []

    def below(self, limit: int) -> int:
        """An integer in [0, limit), limit ≤ 2^32; the bias of taking 64 bits modulo `limit` is under 2^-32."""
        if not self._numbers:
            digest = sha256(self._name + b":" + str(self._block).encode()).digest()
            self._numbers = [int.from_bytes(digest[i : i + 8], "big") for i in range(0, 32, 8)]
            self._block += 1
        return self._numbers.pop() % limit

    def chance(self, percent: int) -> bool:
        """True in `percent` of 100 draws."""
        return self.below(100) < percent

    def pick(self, values: Sequence[T]) -> T:
        """One of `values`, each as likely."""
        return values[self.below(len(values))]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """All of `values`, every order as likely (Fisher–Yates)."""
        result = list(values)
        for i in range(len(result) - 1, 0, -1):
            j = self.below(i + 1)
            result[i], result[j] = result[j], result[i]
        return result


def order(count: int, name: str) -> list[int]:
    """The numbers 0 … count - 1 in the random order called `name`."""
    return Draw(name).shuffled(range(count))
