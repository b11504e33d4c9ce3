"""`model=local`: a folder on this machine, in transformers' layout."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunegrid.config import schema
from tunegrid.errors import ConfigError
from tunegrid.model import Model, pretrained
from tunegrid.model.cache import content_hash

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@schema("model", "local")
@dataclass(kw_only=True, slots=True)
class Local(Model):
    """A folder that holds config.json, safetensors weights and a tokenizer."""

    path: str
    """The folder. Left unnamed, the model is called after it."""

    def __post_init__(self) -> None:
        folder = self._folder()
        if not folder.is_dir():
            raise ConfigError(f"model.path must be a folder that exists, got {self.path}; give the model's folder")
        pretrained.read_config_values(folder)
        pretrained.weight_files(folder)
        if self.name == self.path:
            self.name = folder.resolve().name

    def identity(self) -> str:
        """A hash of the config, the weights and the tokenizer files, wherever the folder lies."""
        return f"local:{folder_hash(self._folder())}"

    def config_values(self) -> Mapping[str, Any]:
        """The folder's config.json."""
        return pretrained.read_config_values(self._folder())

    def load_tokenizer(self) -> "PreTrainedTokenizerBase":
        """The folder's tokenizer."""
        return pretrained.load_tokenizer(self._folder(), self.name)

    def load(self, precision: str) -> "PreTrainedModel":
        """The folder's weights."""
        from tunegrid.model.split_attention import split

        return split(pretrained.load_weights(self._folder(), precision, self.name))

    def _folder(self) -> Path:
        return Path(self.path).expanduser()


def folder_hash(folder: Path) -> str:
    """A hash of the names and bytes of a model folder's config, weights and tokenizer files, 16 hex digits."""
    files = [folder / "config.json", *pretrained.weight_files(folder), *pretrained.tokenizer_files(folder)]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.name}:{content_hash(file)}\n".encode())
    return digest.hexdigest()[:16]
