"""From heatmaps to points. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUARTER_CELL = 0.25


def decode_heatmaps(heatmaps: NDArray[np.float32], stride: float, cell_offset: float = 0.5) -> NDArray[np.float64]:
    """Points (n, points, 2), x and y in input pixels, of heatmaps (n, H, W, points).

    The highest cell, moved a quarter of a cell towards the higher of its neighbours along each axis, as HRNet's
    evaluation does (Sun et al., Deep High-Resolution Representation Learning, 2019); cells at the border are not moved.
    The first of several highest cells is taken. Logits do as well as probabilities: only their order matters.

    Args:
        heatmaps: their values.
        stride: input pixels a cell.
        cell_offset: where in its cell a point lies whose heatmap is symmetric: 0.5 for heatmaps drawn about the middles
            of cells or into the cell that holds the point (HRNet's facial landmarks), 0 for heatmaps drawn about the
            point divided by the stride (HRNet's human pose).
    """
    count, height, width, points = heatmaps.shape
    highest = heatmaps.reshape(count, height * width, points).argmax(axis=1)
    y, x = np.divmod(highest, width)
    inner = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
    sample, point = np.arange(count)[:, None], np.arange(points)[None, :]

    def towards(dx: int, dy: int) -> NDArray[np.float64]:
        def beside(sign: int) -> NDArray[np.float32]:
            row, column = np.clip(y + sign * dy, 0, height - 1), np.clip(x + sign * dx, 0, width - 1)
            return np.asarray(heatmaps[sample, row, column, point])

        ahead, behind = beside(1), beside(-1)
        return np.where(inner, QUARTER_CELL * ((ahead > behind).astype(np.float64) - (ahead < behind)), 0.0)

    cells = np.stack([x + towards(1, 0), y + towards(0, 1)], axis=-1)
    return np.asarray((cells + cell_offset) * stride, np.float64)
