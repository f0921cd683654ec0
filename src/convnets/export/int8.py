"""Eight-bit networks: ONNX Runtime's quantisation after training, with what it costs in accuracy measured.

Per channel, weights symmetric, activations by their range on calibration pictures. On processors without instructions
for products of bytes, sums of two products saturate, so weights take seven bits there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data import Source, Split
from ..engines import About
from ..engines.convert import require, say_of_itself
from ..engines.files import INPUT, quiet
from ..errors import ConvnetsError, UsageError
from ..evaluate import Predictor
from ..runs import Loaded
from .runtime import Checked, write_file

CALIBRATED_ON = 256  # pictures
BYTE_PRODUCTS = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")  # what processors call them


@dataclass(frozen=True)
class Cost:
    """What eight bits cost: pictures right before and after, of n of a split; `bits` of the weights."""

    checked: Checked
    split: str
    n: int
    before: int
    after: int
    bits: int
    calibrated_on: int

    @property
    def loss(self) -> float:
        """Points of accuracy that are lost."""
        return 100 * (self.before - self.after) / self.n


def write_int8(
    loaded: Loaded, path: Path, to: str, source: Source, max_loss: float, split: str | None = None
) -> Cost:
    """Write the file, calibrated on training pictures of `source` and measured on another split.

    Where there are no training pictures it is calibrated on some of those that it is measured on. Raises ConvnetsError,
    and leaves no file, where more than `max_loss` points are lost; UsageError where there is nothing to measure on.
    """
    require("onnx", "onnxruntime")
    measured_on = split or next((name for name in ("val", "test") if len(_split(source, name))), "val")
    if not len(_split(source, measured_on)):
        has = ", ".join(source.splits)
        raise UsageError(f"--calibrate {source.name}: has no {measured_on} split to be tested on; it has {has}")
    first = "train" if len(_split(source, "train")) else measured_on
    pictures = _some(_split(source, first), CALIBRATED_ON)
    bits = 8 if multiplies_bytes() else 7
    samples = pictures[:8]

    def change(onnx: Path, about: About) -> About:
        quantise(onnx, pictures, bits)
        more = {"int8": {"bits": bits, "calibrated on": f"{len(pictures)} pictures of {source.name} {first}"}}
        about = replace(about, more=about.more | more)
        say_of_itself(onnx, about)
        return about

    def measure(made: Path) -> tuple[int, int, int]:
        part = _split(source, measured_on)
        before, after = (_right(predictor, part) for predictor in (Predictor(loaded), Predictor(made)))
        return before, after, len(part)

    counts: list[tuple[int, int, int]] = []

    def accept(made: Path) -> None:
        counts.append(measure(made))
        before, after, n = counts[0]
        if (loss := 100 * (before - after) / n) > max_loss:
            raise ConvnetsError(
                f"int8 loses {loss:.2f} points on {source.name} {measured_on} ({100 * before / n:.2f} % right before,"
                f" {100 * after / n:.2f} % after), more than --max-loss {max_loss:g}; nothing was written"
            )

    checked = write_file(loaded, path, to, samples, change=change, accept=accept)
    before, after, n = counts[0]
    return Cost(checked, measured_on, n, before, after, bits, len(pictures))


def multiplies_bytes() -> bool:
    """Whether the processor sums products of bytes without saturating."""
    information = Path("/proc/cpuinfo")
    return information.exists() and any(name in information.read_text() for name in BYTE_PRODUCTS)


def quantise(onnx: Path, pictures: Sequence[np.ndarray], bits: int) -> None:
    """Make the ONNX file one of eight bits, calibrated on these pictures (H, W, C), weights of `bits`."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = _inputs(onnx, pictures)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.batches, None)

    made = onnx.with_name("int8.onnx")
    with quiet():
        level = logging.root.level
        logging.root.setLevel(logging.ERROR)  # it advises to run a preparation that the exporter has done
        try:
            quantize_static(
                onnx, made, Reader(), quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=bits == 7,
                activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                nodes_to_exclude=_before_the_network(onnx),
            )  # fmt: skip
        finally:
            logging.root.setLevel(level)
    made.replace(onnx)


def _inputs(onnx: Path, pictures: Sequence[np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """The calibration pictures as the file takes them."""
    predictor = Predictor(onnx)
    for picture in pictures:
        for batch in predictor.batches([picture]):
            yield {INPUT: batch}


def _before_the_network(onnx: Path) -> list[str]:
    """The names of the nodes that the first convolution or product of the network waits for: the preprocessing."""
    import onnx as library

    graph = library.load(str(onnx), load_external_data=False).graph
    makers = {output: node for node in graph.node for output in node.output}
    first: Any = next(node for node in graph.node if node.op_type in ("Conv", "Gemm"))
    waiting, names = list(first.input), list[str]()
    while waiting:
        node = makers.pop(waiting.pop(), None)
        if node is not None:
            names.append(node.name)
            waiting.extend(node.input)
    return names


def _split(source: Source, name: str) -> Split | Any:
    return source.splits.get(name, ())


def _some(split: Any, most: int) -> list[np.ndarray]:
    """Evenly spread pictures of a split."""
    chosen = np.unique(np.linspace(0, len(split) - 1, min(most, len(split))).astype(int))
    return [split.pictures.load(int(index)) for index in chosen]


def _right(predictor: Predictor, split: Any) -> int:
    """How many pictures the predictor takes for what they are."""
    answers = predictor.predict_many(split.pictures.load(index) for index in range(len(split)))
    right = 0
    for (_, answer), label in zip(answers, split.labels.tolist(), strict=True):
        if isinstance(answer, Exception):
            raise answer
        right += answer.indices[0] == label
    return right
