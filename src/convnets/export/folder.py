"""A folder in the form of the Hugging Face hub: config.json, model.safetensors, and a card for people.

timm loads it (`local-dir:PATH`) where it has the network; `--weights PATH` reads any of them back as the same
trained network.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors.torch

from .. import papers, spec
from ..errors import UsageError
from ..papers import weights as catalogue
from ..runs import Loaded
from .peers import under_their_names

METADATA = {"format": "pt"}
MOST_CLASSES = 20  # that the card names
KEPT = ("recipe", "source", "best", "probe", "fit", "started", "versions", "revision")


def write_folder(loaded: Loaded, path: Path, licence: str = "other") -> bool:
    """Write the folder at `path`, which must be new or empty; whether timm can load it, too. Raises UsageError."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"--out {path}: not an empty folder; name a new one")
    network = loaded.network
    for_timm = network.name in catalogue.counterparts("timm").values()
    state = under_their_names(network, "timm") if for_timm else dict(network.state_dict())
    files = {"model": state, "statistics": loaded.statistics.tensors()}
    try:
        path.mkdir(parents=True, exist_ok=True)
        for name, tensors in files.items():
            if tensors:
                plain = {key: tensor.cpu().contiguous() for key, tensor in tensors.items()}
                safetensors.torch.save_file(plain, path / f"{name}.safetensors", METADATA)
        text = json.dumps(config(loaded, for_timm), indent=2, ensure_ascii=False)
        (path / "config.json").write_text(text + "\n", encoding="utf-8")
        (path / "README.md").write_text(card(loaded, licence), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {path}: {error.strerror}; name a folder that can be written to") from None
    return for_timm


def config(loaded: Loaded, for_timm: bool) -> dict[str, Any]:
    """timm's description of the network and its pictures, and beside it ours, which leaves nothing out."""
    network, preprocess = loaded.network, loaded.preprocess
    theirs = {ours: name for name, ours in catalogue.counterparts("timm").items()}
    made: dict[str, Any] = {
        "architecture": theirs[network.name] if for_timm else network.name,
        "num_classes": network.num_classes,
        "num_features": network.num_features,
        "label_names": list(loaded.classes),
        "pretrained_cfg": {
            "input_size": [network.in_channels, preprocess.size, preprocess.size],
            "interpolation": "bilinear" if preprocess.interpolation == "area" else preprocess.interpolation,
            "crop_pct": preprocess.size / preprocess.resize if preprocess.resize else 1.0,
            "crop_mode": "center",
            "mean": list(preprocess.mean),
            "std": list(preprocess.std),
            "num_classes": network.num_classes,
        },
        "convnets": {
            "network": {"name": network.name, "overrides": network.overrides},
            "preprocess": spec.to_dict(preprocess),
            "classes": list(loaded.classes) if loaded.named else None,
            "statistics": bool(loaded.statistics.tensors()),
            "run": shareable(loaded.state),
        },
    }
    if network.in_channels != 3:
        made["model_args"] = {"in_chans": network.in_channels}
    return made


def shareable(state: dict[str, Any]) -> dict[str, Any]:
    """How it was trained, and how good it was; not where things lie on the machine that it was trained on."""
    kept = {key: state[key] for key in KEPT if key in state}
    if "source" in kept:
        kept["source"] = {key: value for key, value in kept["source"].items() if key != "spec"}
    if "fit" in kept:
        kept["fit"] = {key: value for key, value in kept["fit"].items() if key not in ("run", "said")}
    return kept


def _history(state: dict[str, Any]) -> dict[str, str]:
    """The card's lines on how it was trained and how good it was."""
    rows: dict[str, str] = {}
    if recipe := state.get("recipe"):
        counts = state["source"]["fingerprint"].get("samples", {})
        pictures = ", ".join(f"{count:,} {split}" for split, count in counts.items())
        rows |= {
            "recipe": f"{recipe['name']} ({recipe['source']}), {recipe['epochs']} epochs, seed {recipe['seed']}",
            "data": f"{state['source']['name']}: {pictures}",
        }
    if probed := state.get("probe"):
        rows["recipe"] = f"a logistic regression on {probed['features']} features, C = {probed['strength']:g}"
        if probed.get("error") is not None:
            rows["validation error"] = f"{probed['error']:.2f} %, one centre crop"
    if tested := state.get("fit"):
        rows[f"{tested['split']} error"] = (
            f"{tested['error']:.2f} % ({tested['low']:.2f} to {tested['high']:.2f} %) of {tested['n']:,} pictures, "
            "one centre crop"
        )
    if best := state.get("best"):
        rows["error while training"] = f"{best['error']:.2f} % on the pictures set aside, one centre crop"
    return rows


def card(loaded: Loaded, licence: str) -> str:
    """README.md: what it is, how it was trained, how good it was, how to use it."""
    paper, preprocess, state = papers.find(loaded.network.name).paper, loaded.preprocess, loaded.state
    more = ", ..." if len(loaded.classes) > MOST_CLASSES else ""
    rows = {
        "paper": f"{paper.authors}: {paper.title}, {paper.venue}",
        "classes": f"{len(loaded.classes)}: {', '.join(loaded.classes[:MOST_CLASSES])}{more}",
        "input": f"{preprocess.channels}x{preprocess.size}x{preprocess.size}, "
        + (f"the centre of pictures of shorter side {preprocess.resize}" if preprocess.resize else "the centre"),
    }
    rows |= _history(state)
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    return f"""---
license: {licence}
tags: [image-classification, convnets]
---

# {loaded.network.name}

| | |
| --- | --- |
{table}

```python
import convnets

print(convnets.Predictor("this folder")("photo.jpg"))
```
"""
