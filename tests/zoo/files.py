"""Checkpoints as their own libraries write them, and what servers send in their place."""

import io
import pickle

import torch
from safetensors.torch import save

WEB_PAGE = b"\n<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>...</body></html>"
LFS_POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


def noise(seed: int, numbers: int = 750_000) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(numbers // 2, generator=generator) for name in ("stem.weight", "stem.bias")}


def torch_zip(seed: int, numbers: int = 750_000) -> bytes:
    return _saved(noise(seed, numbers))


def torch_legacy(seed: int, protocol: int = 2) -> bytes:
    """As by torch before 1.6."""
    return _saved(noise(seed, 1000), _use_new_zipfile_serialization=False, pickle_protocol=protocol)


def safetensors(seed: int) -> bytes:
    return save(noise(seed, 1000), metadata={"format": "pt"})


def plain_pickle() -> bytes:
    return pickle.dumps({"stem.weight": [1.0, 2.0]})


def _saved(content: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()
