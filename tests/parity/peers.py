"""The libraries that people use today, imported so that their networks can be built beside any build of torch."""

from __future__ import annotations

import importlib
import os
import tempfile
import warnings
from functools import cache
from typing import Any

import pytest
import torch

OPERATORS = (  # torchvision's compiled ones; its networks need none of them, its import needs their names
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_LIBRARIES: list[Any] = []  # definitions live as long as what they are kept in


@cache
def library(name: str) -> Any:
    """torchvision, timm or Keras on its torch backend; skips the test, saying so, where it is not installed.

    In CI it has to be. Keras is kept from the user's settings, and from writing any.
    """
    os.environ["KERAS_BACKEND"] = "torch"
    os.environ["KERAS_HOME"] = _keras_home().name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if name in ("torchvision", "timm"):
                _import_torchvision()
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"needs {error.name}")


@cache
def _keras_home() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def _import_torchvision() -> None:
    """Where its binary does not fit this torch, the operators are declared without an implementation."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        declared = torch.library.Library("torchvision", "DEF")
        for schema in OPERATORS:
            declared.define(schema)
        _LIBRARIES.append(declared)
        importlib.import_module("torchvision")


def build(source: str, name: str, size: tuple[int, int], auxiliary: bool = False) -> Any:
    """The network of this name, untrained, in evaluation, for pictures of this height and width, without soft-max."""
    module = library(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if source == "keras":
            make = getattr(module.applications, name)
            return make(weights=None, input_shape=(*size, 3), classifier_activation=None)
        with torch.device("meta"):  # nothing is drawn that would be drawn again
            with_heads = source == "torchvision" and name in ("googlenet", "inception_v3")
            options = {"init_weights": False, "aux_logits": auxiliary} if with_heads else {}
            made = getattr(module.models, name)(**options) if source == "torchvision" else module.create_model(name)
        return made.to_empty(device="cpu").eval()


def logits(source: str, network: Any, pictures: torch.Tensor) -> torch.Tensor:
    """What the peer answers to pictures (N, 3, H, W)."""
    with torch.no_grad():
        if source != "keras":
            answer: torch.Tensor = network(pictures)
            return answer
        return torch.as_tensor(network(pictures.permute(0, 2, 3, 1).contiguous(), training=False))
