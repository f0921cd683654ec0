"""Pictures with what trained networks take them for, and why: files and a page."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ..data import normalise
from ..errors import DataError, UsageError
from ..evaluate import Predictor
from ..evaluate.pictures import draw_predictions, is_writable
from . import page
from .inside import finite, plain, visible
from .maps import Explanation, explain
from .overlays import overlay, projection

TOGETHER = 16  # pictures at a time
SHOWN = 200  # pictures on a page: with many more no browser is at ease


class Answer(NamedTuple):
    """One picture as a network sees it, uint8 (H, W, C), with its best classes and what explains them."""

    run: str
    path: str
    view: np.ndarray
    names: tuple[str, ...]
    probabilities: tuple[float, ...]
    explanation: Explanation  # of this picture alone

    def pictures(self) -> list[np.ndarray]:
        """For each class its map over the picture, or what is projected back to the pixels."""
        own = self.explanation
        if own.projections is not None and own.method in ("guided", "deconv"):
            return [projection(back) for back in own.projections]
        return [overlay(self.view, map_) for map_ in own.maps]


def answers(
    run: str, predictor: Predictor, paths: Sequence[str], *, method: str = "auto", row: str = "", top: int = 3
) -> Iterator[Answer | DataError]:
    """Each picture's answer and explanation by one network, or why it cannot be read, in order. Raises UsageError."""
    for start in range(0, len(paths), TOGETHER):
        views: list[torch.Tensor | DataError] = [_view(predictor, path) for path in paths[start : start + TOGETHER]]
        readable = [view for view in views if isinstance(view, torch.Tensor)]
        if readable:
            batch = torch.cat(readable)
            images = normalise(batch, predictor.preprocess, predictor.statistics)
            found = explain(predictor.network, images, method=method, row=row, top=top)
        made = iter(range(len(readable)))
        for path, view in zip(paths[start : start + TOGETHER], views, strict=True):
            if isinstance(view, DataError):
                yield view
            else:
                yield _answer(run, path, view, found, next(made), predictor.classes)


def _view(predictor: Predictor, path: str) -> torch.Tensor | DataError:
    try:
        return predictor.prepared([path])
    except DataError as error:
        return error


def _answer(
    run: str, path: str, batch: torch.Tensor, found: Explanation, index: int, classes: Sequence[str]
) -> Answer:
    view, back = visible(batch)[0], None if found.projections is None else found.projections[index]
    own = found._replace(logits=found.logits[index], classes=found.classes[index], maps=found.maps[index],
                         projections=back)  # fmt: skip
    probabilities = own.logits.softmax(0)[own.classes]
    names = tuple(classes[number] for number in own.classes.tolist())
    return Answer(run, path, view, names, tuple(probabilities.tolist()), own)


def said(answer: Answer) -> dict[str, Any]:
    """The numbers behind an answer's pictures, as JSON has them."""
    own = answer.explanation
    rows = zip(answer.names, own.classes.tolist(), answer.probabilities, own.maps, strict=True)
    guesses = [{"class": name, "index": index, "probability": probability, "map": plain(map_)}
               for name, index, probability, map_ in rows]  # fmt: skip
    for guess, back in zip(guesses, own.projections if own.projections is not None else (), strict=False):
        guess["projection"] = plain(back)
    about = {"run": answer.run, "path": answer.path, "method": own.method, "top": guesses}
    found: dict[str, Any] = finite(about | ({"row": own.row} if own.row else {}))
    return found


class Files:
    """Answers as files in a folder: a PNG for each as it comes, and a page of the first SHOWN pictures.

    None of `sources`, the pictures that are explained, is written over. `runs` are the networks that explain each of
    them.
    """

    def __init__(self, folder: Path, sources: Sequence[str], runs: Sequence[str]) -> None:
        self.folder, self.taken = folder, {Path(path).resolve() for path in sources}
        self.called = dict(zip(runs, page.names_of(runs), strict=True))
        self.methods, self.others = set[str](), set[str]()
        self.written: dict[Path, None] = {}  # in order
        self.sections: dict[str, str] = {}  # by picture, those of several networks side by side

    def add(self, answer: Answer) -> Path:
        """The answer's PNG: what the network saw, and its classes' maps, the best first.

        Raises UsageError where it would take the place of a picture that is explained.
        """
        method, indices = answer.explanation.method, answer.explanation.classes.tolist()
        pictures = answer.pictures()
        called = self.called[answer.run] if len(self.called) > 1 else ""
        path = self._free(f"{Path(answer.path).stem}.{method}" + f"-{called.replace('/', '_')}" * bool(called))
        rows = zip(pictures, answer.names, indices, answer.probabilities, strict=True)
        titles = [(picture, f"{name if is_writable(name) else f'class {index}'}\n{probability:.1%}", None)
                  for picture, name, index, probability in rows]  # fmt: skip
        draw_predictions([(answer.view, "what the\nnetwork sees", None), *titles], path, called, one_line=True)
        self.written[path] = None
        self.methods.add(method)
        if answer.path in self.sections or len(self.sections) < SHOWN:
            self.sections[answer.path] = self.sections.get(answer.path, "") + section(answer, pictures)
        else:
            self.others.add(answer.path)
        return path

    def _free(self, stem: str) -> Path:
        """A place for a PNG that none of this call has. Raises UsageError where one of the pictures stands there."""
        paths = (self.folder / f"{stem}{f'-{number}' if number else ''}.png" for number in count())
        path = next(path for path in paths if path not in self.written)
        if path.resolve() in self.taken:
            raise UsageError(f"{path}: is one of the pictures; choose another folder with --out")
        return path

    def page(self) -> Path:
        """The page, index.html in the folder."""
        short = Counter(Path(name).name for name in self.sections)
        sections = [(name if short[Path(name).name] > 1 else Path(name).name, content)
                    for name, content in self.sections.items()]  # fmt: skip
        said = [f"{method}: {MEANS[method]}" for method in sorted(self.methods)]
        whole = len(sections) + len(self.others)
        rest = [f"{len(sections)} of the {whole} pictures are on this page; each has a file."] if self.others else []
        under = " ".join([*said, "Each map by its own highest value.", *rest])
        return page.write(self.folder / "index.html", page.page("Explanations", sections, under))


def section(answer: Answer, pictures: Sequence[np.ndarray]) -> str:
    """One picture's answers by one network, and what explains each, as tiles."""
    row = f", row {answer.explanation.row}" if answer.explanation.row else ""
    pairs = zip(pictures, answer.names, answer.probabilities, strict=True)
    parts = [page.tile(answer.view, ["what the network sees"]),
             *(page.tile(picture, [name, f"{probability:.1%}"]) for picture, name, probability in pairs)]  # fmt: skip
    return f"<h3>{html.escape(answer.run)}: {answer.explanation.method}{html.escape(row)}</h3>" + page.tiles(parts)


MEANS = {
    "cam": "light where the picture speaks for the class, exactly as it adds up to the answer.",
    "gradcam": "light where the row's maps speak for the class, weighed by their mean gradients.",
    "occlusion": "light where hiding the picture lowers the class's probability most.",
    "guided": "what the class's answer depends on, by gradients that are positive on both ways.",
    "deconv": "what is projected back through the rectified gradients of ZFNet's deconvolutional network.",
    "integrated": "light where pixels raise the class's answer on the way from a grey picture.",
}
