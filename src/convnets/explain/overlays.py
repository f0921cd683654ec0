"""Maps as pictures: laid over what the network saw, or as what goes back to the pixels."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn.functional import interpolate

STRONGEST = 0.75  # share of the colour where a map is highest


def heat(map_: Tensor, height: int, width: int) -> np.ndarray:
    """A map (h, w) as shares of its highest value, float32 (height, width) from 0 to 1.

    What is below 0, or no number, is 0.
    """
    known = map_[None, None].float().nan_to_num()
    positive = interpolate(known, (height, width), mode="bilinear", align_corners=False)[0, 0].clamp(min=0)
    top = positive.max()
    shares: np.ndarray = (positive / top if top > 0 else positive).cpu().numpy()
    return shares


def overlay(view: np.ndarray, map_: Tensor) -> np.ndarray:
    """A uint8 picture (H, W, C) with the map (h, w) over its grey levels: uint8 (H, W, 3).

    Colours from dark violet to yellow, which colour-blind people see as dark to light.
    """
    import matplotlib as mpl

    shares = heat(map_, *view.shape[:2])
    colours = mpl.colormaps["inferno"](0.15 + 0.85 * shares)[..., :3]
    grey = view.astype(np.float32).mean(-1, keepdims=True) / 255
    alpha = STRONGEST * shares[..., None] ** 0.7
    mixed: np.ndarray = (255 * ((1 - alpha) * grey + alpha * colours)).round().astype(np.uint8)
    return mixed


def projection(back: Tensor) -> np.ndarray:
    """What goes back to the pixels (C, H, W), around a middle grey: uint8 (H, W, 3)."""
    pixels = back.float().cpu()
    reach = max(float(np.quantile(pixels.abs().numpy(), 0.995)), 1e-12)
    shown = (127.5 + 127.5 * (pixels / reach).clamp(-1, 1)).round().byte().permute(1, 2, 0).numpy()
    return np.repeat(shown, 3, 2) if shown.shape[2] == 1 else shown
