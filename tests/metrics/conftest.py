"""Real outputs with the official scorer's numbers, where the machine has them."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tunegrid.metrics import meteor

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "e2e_nlg"

Corpus = tuple[list[list[str]], list[list[list[str]]]]


@pytest.fixture(scope="session")
def e2e_data() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"the E2E outputs with official scores are not at {DATA}")
    return DATA


@pytest.fixture(scope="session")
def jar_folder() -> Path:
    """Where pycocoevalcap lies with its jars, and Java to run them."""
    import shutil

    jar = meteor.find_jar()
    if jar is None or shutil.which("java") is None:
        pytest.skip("needs Java and pip install 'tunegrid[meteor]'")
    return jar.parents[1]


@pytest.fixture(scope="session", autouse=True)
def _close_java() -> Iterator[None]:
    yield
    meteor.close_shared_process()


@pytest.fixture
def random_corpus() -> Callable[[int], Corpus]:
    """Tokenised answers and references over a small vocabulary, so that n-grams repeat."""

    def build(seed: int, instances: int = 30) -> Corpus:
        choose = random.Random(seed)
        words = [f"w{index}" for index in range(12)]

        def text() -> list[str]:
            return choose.choices(words, k=choose.randint(1, 14))

        return [text() for _ in range(instances)], [
            [text() for _ in range(choose.randint(1, 5))] for _ in range(instances)
        ]

    return build
