"""Tiny encoders, saved as a user's folders are."""

from pathlib import Path

import torch
from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizerFast

LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{letter}" for letter in LETTERS), ".", ","]


def config(**more: object) -> BertConfig:
    return BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=64,
        initializer_range=0.3,
        **more,
    )


def save_encoder(folder: Path) -> str:
    """All its tokens lean one way, as a real encoder's do: no cosine is negative."""
    torch.manual_seed(0)
    model = BertModel(config())
    for layer in model.encoder.layer:
        torch.nn.init.constant_(layer.output.LayerNorm.bias, 2.0)
    return _saved(model, folder)


def save_classifier(folder: Path, **more: object) -> str:
    """Classes `fine` and `toxic`."""
    torch.manual_seed(0)
    labels = {0: "fine", 1: "toxic"}
    return _saved(BertForSequenceClassification(config(id2label=labels, **more)), folder)


def _saved(model: torch.nn.Module, folder: Path) -> str:
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY), encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    model.save_pretrained(folder)
    return str(folder)
