"""Files of Hugging Face's hub, ``hf://ORG/NAME``: brought by ``huggingface_hub``, which keeps them in a cache.

The ``config.json`` of the repository comes with the weights, since it says what no tensor shows.
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import ModuleType

from cnxv2_mm.checkpoints.shards import named_shards

HUB_SCHEME = "hf"
# Where libraries keep weights; the first that is there is taken. timm and transformers: whole, in several files, then
# the same as pickles; open_clip (mlfoundations/open_clip, src/open_clip/constants.py).
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)
_CONFIG = "config.json"
_INDEX = ".index.json"
_ADDRESS = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.-]+))?(?:/(?P<file>[^\\]*))?")
_SHOWN = 200  # letters of the hub's own messages


def fetch_from_hub(name: str) -> Path:
    """Return the local file of weights on Hugging Face's hub; it is downloaded unless it is in the hub's cache.

    Args:
        name: ``ORG/NAME``, for the first of :data:`WEIGHTS` that is there, or ``ORG/NAME/FILE``. ``@REVISION`` behind
            ``NAME`` names a commit, a tag or a branch.

    Raises:
        ModuleNotFoundError: ``huggingface_hub`` is not installed.
        ValueError: There is no such repository or file, or it is not open to everybody.
        ConnectionError: The hub cannot be reached, and the file is not in the cache.
    """
    checkpoint = f"checkpoint='{HUB_SCHEME}://{name}'"
    match = _ADDRESS.fullmatch(name)
    if match is None or (match["file"] is not None and not _stays_inside(match["file"])):
        raise ValueError(f"{checkpoint} must be {HUB_SCHEME}://ORG/NAME or {HUB_SCHEME}://ORG/NAME/FILE")
    repository = _Repository(match["id"], match["revision"], checkpoint)
    path, file = repository.get_first([match["file"]] if match["file"] else WEIGHTS)
    folder = PurePosixPath(file).parent
    repository.get(str(folder / _CONFIG))
    if file.endswith(_INDEX):
        shards = named_shards(path, checkpoint)
        if shards is None:
            raise ValueError(f"{checkpoint}: {path.name} is no index of a checkpoint in several files")
        for shard in shards:
            repository.get_first([str(folder / shard)])
    return path


class _Repository:
    """A repository of the hub.

    Args:
        name: ``ORG/NAME``.
        revision: A commit, a tag or a branch; None for the main branch.
        checkpoint: What the messages of its errors begin with.
    """

    def __init__(self, name: str, revision: str | None, checkpoint: str) -> None:
        self.hub = _library()
        self.name = name
        self.revision = revision
        self.checkpoint = checkpoint
        self.is_cut_off = False  # then only the cache is asked, without waiting for an answer again

    def get(self, file: str) -> Path | None:
        """Return the local path of a file.

        Returns:
            None if the repository has no such file, or if the hub cannot be reached and the file is not in the cache.
        """
        errors = self.hub.errors
        try:
            return Path(
                self.hub.hf_hub_download(self.name, file, revision=self.revision, local_files_only=self.is_cut_off)
            )
        except errors.LocalEntryNotFoundError:
            self.is_cut_off = True
        except errors.EntryNotFoundError:
            pass
        except errors.GatedRepoError as error:
            raise ValueError(
                f"{self.checkpoint}: its owner asks for an agreement first; give it at "
                f"https://huggingface.co/{self.name}, then log in with `hf auth login`"
            ) from error
        except errors.RepositoryNotFoundError as error:
            raise ValueError(
                f"{self.checkpoint}: the hub has no such repository, or it is private: correct its name, or log in "
                "with `hf auth login`"
            ) from error
        except errors.RevisionNotFoundError as error:
            raise ValueError(f"{self.checkpoint}: the repository has no revision {self.revision!r}") from error
        except Exception as error:  # of any library that the hub's uses to reach it
            reason = str(error).strip().split("\n")[0][:_SHOWN] or type(error).__name__
            raise ConnectionError(
                f"{self.checkpoint}: {file} cannot be downloaded from Hugging Face ({reason}); download it on another "
                "machine and name the file"
            ) from error
        return None

    def get_first(self, files: Sequence[str]) -> tuple[Path, str]:
        """Return the local path of the first file that can be had, and its name in the repository."""
        for file in files:
            if (path := self.get(file)) is not None:
                return path, file
        names = " or ".join(files)
        if self.is_cut_off:
            raise ConnectionError(
                f"{self.checkpoint}: Hugging Face cannot be reached, or HF_HUB_OFFLINE forbids it, and its cache here "
                f"has no {names}; download the file on another machine and name it"
            )
        raise ValueError(
            f"{self.checkpoint}: the repository has no {names}; name the file with the weights, as in "
            f"{HUB_SCHEME}://{self.name}/FILE"
        )


def _library() -> ModuleType:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise ModuleNotFoundError(
            f"{HUB_SCHEME}:// addresses need the package huggingface_hub: pip install huggingface_hub"
        ) from error
    return huggingface_hub


def _stays_inside(file: str) -> bool:
    """Whether a path, with ``/`` between its folders, leads to a file in or below the folder that it starts from."""
    return file != "" and not file.startswith("/") and not {"", ".", ".."} & set(file.split("/"))
