import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tunegrid.data.token_view import token_view
from tunegrid.model.byte_tokenizer import byte_tokenizer


def tokenizer(model, before, decoder):
    backend = Tokenizer(model)
    backend.pre_tokenizer, backend.decoder = before, decoder
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="?")


def word_piece():
    vocabulary = {token: i for i, token in enumerate(["?", "cafe", "##s", "near", "##by"])}
    model = models.WordPiece(vocabulary, unk_token="?")
    return tokenizer(model, pre_tokenizers.Whitespace(), decoders.WordPiece())


def sentence_piece():
    pieces = [("?", 0.0), ("▁cafe", -1.0), ("s", -1.5), ("▁near", -1.0), ("by", -1.0), ("▁", -3.0)]
    return tokenizer(models.Unigram(pieces, 0), pre_tokenizers.Metaspace(), decoders.Metaspace())


@pytest.mark.parametrize(("make", "view"), [(word_piece, "cafe|##s|near|##by"), (sentence_piece, "▁cafe|s|▁near|by")])
def test_pieces_are_shown_as_their_vocabulary_has_them(make, view):
    made = make()
    assert token_view(made, made("cafes nearby")["input_ids"]) == view


def test_bytes_are_shown_as_text():
    made = byte_tokenizer(end_appended=True, longest=64)
    assert token_view(made, made("a b\né")["input_ids"]) == r"a|▁|b|⏎|\xc3|\xa9|</s>"


def test_a_byte_level_vocabulary_with_merges_joins_its_letters():
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*letters, "Ã©", "Ġn"])}
    model = models.BPE(vocabulary, [("Ã", "©"), ("Ġ", "n")])
    made = tokenizer(model, pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel())
    assert token_view(made, made("é n")["input_ids"]) == "é|▁n"
