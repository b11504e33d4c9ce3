"""One stream of randomness per purpose, so that changing one part of a run never shifts the draws of another."""

from hashlib import blake2b


def stream(seed: int, purpose: str, *counters: int) -> int:
    """A 63-bit seed for one purpose of a run, for example `stream(seed, "dropout", step)`.

    Being a function of its arguments alone, it needs no state in a checkpoint: a resumed run draws what it would have.
    """
    text = ":".join([str(seed), purpose, *map(str, counters)])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
