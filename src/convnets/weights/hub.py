"""Published weights on this machine: in the caches of those who give them out, fetched once, held to their hashes."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch

from ..data.imagenet import class_names
from ..errors import CheckpointError, UsageError
from ..papers import weights as catalogue
from ..papers.weights import Published
from ..spec import Preprocess, from_dict
from .keras_files import HDF5
from .known import Origin

HASH = re.compile(r"-([0-9a-f]{8,64})\.\w+$")  # torch's files end in the beginning of their SHA-256
CONFIG = "config.json"  # of a folder in the hub's form
HUB = "pip install 'convnets[hub]'"


def fetch(spec: str) -> tuple[Path, Origin]:
    """The file of published weights, and what they are of.

    Raises UsageError where the name is unknown, or nothing can be downloaded; CheckpointError where the file's hash is
    not the published one: it is then not opened.
    """
    published = catalogue.find(spec)
    if published.file.startswith("hf:"):
        path = hub_file(published.file.removeprefix("hf:"), "model.safetensors", published.spec)
    else:
        path = _from_address(published)
    return path, _origin(published)


def published_as(path: Path) -> Origin | None:
    """What a file is, if it is one of those published ones whose hashes are known."""
    with path.open("rb") as file:
        is_keras = file.read(len(HDF5)) == HDF5  # the only ones that are known by another kind of hash
    digest = _digest(path, "md5" if is_keras else "sha256")
    for one in catalogue.everything():
        kind, expected = _hash(one)
        if expected and is_keras == (kind == "md5") and digest.startswith(expected):
            return _origin(one)
    return None


def _origin(published: Published) -> Origin:
    bgr = published.colours == "caffe"
    return Origin(published.network, published.preprocess, tuple(class_names()), published.spec, bgr)


def _hash(published: Published) -> tuple[str, str]:
    """By which the published file is known: the kind of the hash, and its beginning; empty where there is none."""
    found = HASH.search(published.file.rpartition("/")[2])
    return ("md5", published.md5) if published.md5 else ("sha256", found[1] if found else "")


def _digest(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def _from_address(published: Published) -> Path:
    """In the library's own cache: torch's, where torchvision and timm look, too, or Keras's."""
    name = published.file.rpartition("/")[2]
    path, (kind, expected) = Path(torch.hub.get_dir()) / "checkpoints" / name, _hash(published)
    if published.library == "keras":
        path = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models" / name
    fresh = not path.is_file()
    if fresh:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(published.file, str(path), None, progress=sys.stderr.isatty())
        except (URLError, OSError) as error:
            raise _offline(published.spec, published.file, error) from None
    digest = _digest(path, kind)
    if not digest.startswith(expected):
        if fresh:
            path.unlink()
        what = f"{published.file} is refused" if fresh else f"delete {path}"
        raise CheckpointError(f"{published.spec}: has the {kind} {digest[:12]}..., not {expected[:12]}; {what}")
    return path


def hub_file(repository: str, name: str, spec: str) -> Path:
    """In Hugging Face's own cache."""
    try:
        import huggingface_hub
    except ImportError:
        raise UsageError(f"{spec}: lies on the Hugging Face hub; {HUB}") from None
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells of every try
    try:
        return Path(huggingface_hub.hf_hub_download(repository, name))
    except Exception as error:  # its own errors, and those of the library that it downloads with
        raise _offline(spec, f"hf:{repository}", error) from None


def _offline(spec: str, address: str, error: Exception) -> UsageError:
    why = " ".join(str(getattr(error, "reason", error)).split()).split(". ")[0]
    return UsageError(f"{spec}: cannot be downloaded from {address} ({why}); offline, give a file with --weights FILE")


def fetch_folder(spec: str) -> Path:
    """A repository `hf:OWNER/NAME` in timm's form or ours, as a folder. Raises as `fetch` does."""
    repository = spec.removeprefix("hf:")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise UsageError(f"{spec}: give hf:OWNER/NAME")
    config = hub_file(repository, CONFIG, spec)
    own = _read(config).get("convnets")
    for name in ("model", "statistics") if own and own.get("statistics") else ("model",):
        hub_file(repository, f"{name}.safetensors", spec)
    return config.parent


def read_config(folder: Path) -> tuple[Origin, dict[str, Any] | None, dict[str, Any]]:
    """What a folder's config.json says; where it is ours, the network's axes, and how it was trained.

    Raises CheckpointError.
    """
    config = _read(folder / CONFIG)
    try:
        own = config.get("convnets")
        return of_config(config, str(folder)), own and own["network"]["overrides"], own.get("run", {}) if own else {}
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise CheckpointError(f"{folder / CONFIG}: damaged ({error})") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged ({error})") from None
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: damaged (no JSON object)")
    return config


def of_config(config: dict[str, Any], spec: str) -> Origin:
    """What a config.json says, in timm's form or as ours. Raises CheckpointError for a network unknown here."""
    if own := config.get("convnets"):
        preprocess = from_dict(Preprocess, own["preprocess"])
        return Origin(own["network"]["name"], preprocess, tuple(own["classes"] or ()), spec)
    architecture = str(config.get("architecture"))
    network = catalogue.counterparts("timm").get(architecture)
    if network is None:
        raise CheckpointError(f"{spec}: is a {architecture}, which has no counterpart here; `convnets weights list`")
    about = config.get("pretrained_cfg", {})
    side = int(about.get("input_size", (3, 224, 224))[1])
    interpolation = catalogue.INTERPOLATIONS.get(about.get("interpolation", "bilinear"), "bilinear")
    preprocess = Preprocess(
        size=side,
        resize=int(side / about.get("crop_pct", 0.875)),
        mean=tuple(about.get("mean", catalogue.COLOURS["imagenet"][0])),
        std=tuple(about.get("std", catalogue.COLOURS["imagenet"][1])),
        interpolation=interpolation,  # type: ignore[arg-type]
    )
    names = about.get("label_names") or config.get("label_names") or ()
    classes = tuple(map(str, names)) or (tuple(class_names()) if config.get("num_classes", 1000) == 1000 else ())
    return Origin(network, preprocess, classes, spec)
