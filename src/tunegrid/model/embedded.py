"""`model=smollm2_135m`: a GGUF file that an installed Python package carries, so that no download is needed."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunegrid.config import require, schema
from tunegrid.model import Model, pretrained
from tunegrid.model.cache import content_hash
from tunegrid.model.hub import Hub

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@schema("model", "embedded")
@dataclass(kw_only=True, slots=True)
class Embedded(Model):
    """A GGUF file inside an installed package; the same model from the hub where the package is absent.

    The two are not the same weights (the file is quantised), so their identities differ.
    """

    package: str
    """The Python package that carries the file; it is located, never imported."""
    file: str
    """The GGUF file's name inside the package."""
    fallback: Hub
    """Where the model comes from when the package isn't installed."""
    known_config: dict[str, Any] | None
    """What config.json says of every size, so that counts need not read the file; null: read it when needed."""

    def __post_init__(self) -> None:
        require(self.package.isidentifier(), "model.package", "be a top-level package name", self.package)
        require(self.file == Path(self.file).name, "model.file", "be a file name without folders", self.file)

    def identity(self) -> str:
        """The GGUF file's content hash, or the hub model's identity."""
        gguf = self.gguf()
        return f"gguf:{content_hash(gguf)[:16]}" if gguf else self.fallback.identity()

    def config_values(self) -> Mapping[str, Any]:
        """`known_config`, or else what the GGUF file says."""
        if self.known_config is not None:
            return self.known_config
        gguf = self.gguf()
        return pretrained.read_config_values(_converted(gguf, "float32")) if gguf else self.fallback.config_values()

    def load_tokenizer(self) -> "PreTrainedTokenizerBase":
        """The tokenizer of the GGUF file, through the cache."""
        gguf = self.gguf()
        if gguf is None:
            return self.fallback.load_tokenizer()
        return pretrained.load_tokenizer(_converted(gguf, "float32"), self.name)

    def load(self, precision: str) -> "PreTrainedModel":
        """The weights of the GGUF file, through the cache."""
        from tunegrid.model.split_attention import split

        gguf = self.gguf()
        if gguf is None:
            return self.fallback.load(precision)
        pretrained.torch_dtype(precision)
        return split(pretrained.load_weights(_converted(gguf, precision), precision, self.name))

    def gguf(self) -> Path | None:
        """The GGUF file, or None where the package isn't installed or doesn't carry it."""
        # find_spec of a top-level package runs none of its code.
        found = importlib.util.find_spec(self.package)
        for folder in (found.submodule_search_locations or []) if found else []:
            if (Path(folder) / self.file).is_file():
                return Path(folder) / self.file
        return None


def _converted(gguf: Path, precision: str) -> Path:
    from tunegrid.model.gguf_cache import converted

    return converted(gguf) / precision
