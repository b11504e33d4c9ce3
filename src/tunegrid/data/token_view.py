"""How a text is cut into tokens, readable whatever the tokenizer's way of writing them."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BETWEEN = "|"


def token_view(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int]) -> str:
    r"""The tokens of `ids` with a bar between.

    Tokens of SentencePiece (`▁word`) and WordPiece (`##piece`) are as their vocabularies have them. Those of a
    byte-level BPE, which has a letter for each byte, are written as text: a space as `▁`, half a character as `\xe9`.
    """
    tokens = [str(token) for token in tokenizer.convert_ids_to_tokens(list(map(int, ids)))]
    special = set(tokenizer.all_special_tokens)
    bytewise = _is_byte_level(tokenizer)
    return BETWEEN.join(_as_text(token) if bytewise and token not in special else token for token in tokens)


def _is_byte_level(tokenizer: "PreTrainedTokenizerBase") -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return "ByteLevel" in f"{getattr(backend, 'decoder', None)}"


def _as_text(token: str) -> str:
    letters = _bytes_of_letters()
    if not all(letter in letters for letter in token):
        return token  # added to the vocabulary as it stands
    text = bytes(letters[letter] for letter in token).decode("utf-8", errors="backslashreplace")
    return text.replace(" ", "▁").replace("\n", "⏎")


@cache
def _bytes_of_letters() -> dict[str, int]:
    """The byte each letter of a byte-level vocabulary stands for, as GPT-2 wrote them (Radford et al. 2019)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
