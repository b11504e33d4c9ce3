"""`model=hub`, `gpt2`, `gpt2_medium`, `flan_t5_base`: a model of the Hugging Face hub at one revision."""

import logging
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlparse
from urllib.request import getproxies

from tunegrid.config import require, schema
from tunegrid.errors import ConfigError
from tunegrid.model import Model, pretrained

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

T = TypeVar("T")

# Subfolders hold conversions for other programs (ONNX, CoreML); pickled weights are never fetched.
FETCHED = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
NOT_FETCHED = ["*/*"]


@schema("model", "hub")
@dataclass(kw_only=True, slots=True)
class Hub(Model):
    """A causal or encoder-decoder model of the Hugging Face hub, kept in the hub's own cache folder."""

    id: str
    """The hub id, `owner/name`."""
    revision: str
    """A commit hash pins the weights; a branch or a tag is accepted, but can move."""
    known_config: dict[str, Any] | None
    """What config.json says of every size at that revision, so that counts need no network; null: read it."""

    def __post_init__(self) -> None:
        require(bool(re.fullmatch(r"[\w.-]+(/[\w.-]+)?", self.id)), "model.id", "be a hub id (owner/name)", self.id)
        require(
            bool(re.fullmatch(r"[\w./-]+", self.revision)),
            "model.revision",
            "be a commit, tag or branch",
            self.revision,
        )

    def identity(self) -> str:
        """The hub id and the revision as configured."""
        return f"hub:{self.id}@{self.revision}"

    def config_values(self) -> Mapping[str, Any]:
        """`known_config`, or else the hub's config.json at the revision."""
        if self.known_config is not None:
            return self.known_config
        return pretrained.read_config_values(self._fetch_config().parent)

    def load_tokenizer(self) -> "PreTrainedTokenizerBase":
        """The hub's tokenizer; fetched with the weights on first use."""
        return pretrained.load_tokenizer(self._fetch(), self.name)

    def load(self, precision: str) -> "PreTrainedModel":
        """The hub's weights; fetched on first use."""
        from tunegrid.model.split_attention import split

        folder = self._fetch()
        self._note_if_unpinned(folder)
        self._check_known_config(pretrained.read_config_values(folder))
        return split(pretrained.load_weights(folder, precision, self.name))

    def _note_if_unpinned(self, folder: Path) -> None:
        if not re.fullmatch("[0-9a-f]{40}", self.revision):
            # The hub's cache names a snapshot's folder by its commit.
            note = f"model {self.name}: {self.revision} can move; model.revision={folder.name} pins what was loaded"
            print(note, file=sys.stderr)

    def _check_known_config(self, values: Mapping[str, Any]) -> None:
        for key, expected in (self.known_config or {}).items():
            if key in values and values[key] != expected:
                raise ConfigError(
                    f"model.known_config.{key} must equal config.json of {self.id}@{self.revision} ({values[key]}), "
                    f"got {expected}; correct it or set model.known_config=null"
                )

    def _fetch_config(self) -> Path:
        from huggingface_hub import hf_hub_download

        def fetch(local_only: bool) -> Path:
            return Path(hf_hub_download(self.id, "config.json", revision=self.revision, local_files_only=local_only))

        return self._cached_or_fetched(fetch)

    def _fetch(self) -> Path:
        from huggingface_hub import snapshot_download

        def fetch(local_only: bool) -> Path:
            folder = Path(
                snapshot_download(
                    self.id,
                    revision=self.revision,
                    allow_patterns=FETCHED,
                    ignore_patterns=NOT_FETCHED,
                    local_files_only=local_only,
                )
            )
            if local_only:
                _require_whole(folder)
            return folder

        return self._cached_or_fetched(fetch)

    def _cached_or_fetched(self, fetch: Callable[[bool], T]) -> T:
        """What the hub's cache holds, without a network; else from the network; or one line that says why."""
        from huggingface_hub import errors

        try:
            return fetch(True)
        except (errors.LocalEntryNotFoundError, ConfigError):
            self._require_network()
        quiet = logging.getLogger("huggingface_hub")
        level = quiet.level
        quiet.setLevel(logging.ERROR)  # its warnings repeat what our one line says
        try:
            return fetch(False)
        except errors.GatedRepoError:
            reason = "its owner asks for an agreement; accept it on the hub and log in with `hf auth login`"
        except errors.RepositoryNotFoundError:
            reason = "the hub has no such public model; check model.id, or log in with `hf auth login` if it is private"
        except errors.RevisionNotFoundError:
            reason = "the model has no such revision; check model.revision"
        except (OSError, errors.EntryNotFoundError) as error:
            reason = f"{type(error).__name__}; {_way_out()}"
        finally:
            quiet.setLevel(level)
        raise ConfigError(f"model {self.name}: {self.id}@{self.revision} can't be fetched: {reason}")

    def _require_network(self) -> None:
        # The hub's client would retry for half a minute before it says that there is no network.
        from huggingface_hub import constants

        what = f"model {self.name}: {self.id}@{self.revision} is not in the hub's cache"
        if constants.is_offline_mode():
            raise ConfigError(f"{what} and HF_HUB_OFFLINE is set; unset it, or {_way_out()}")
        host = urlparse(os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).hostname
        if host is None or getproxies():
            return
        try:
            socket.getaddrinfo(host, 443)
        except OSError:
            raise ConfigError(f"{what} and {host} can't be reached; {_way_out()}") from None


def _require_whole(folder: Path) -> None:
    """Raise `ConfigError` unless config, weights and tokenizer all lie in a cached snapshot."""
    pretrained.read_config_values(folder)
    pretrained.weight_files(folder)
    pretrained.tokenizer_files(folder)


def _way_out() -> str:
    return "run once with a network, or copy the model's folder here and use model=local model.path=FOLDER"
