"""Draw an estimated kernel beside the nearest named one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from srbench.identify.describe import on_window
from srbench.identify.samples import Window
from srbench.system.atomic import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from srbench.identify.describe import Description
    from srbench.images.kernel_file import Kernel


def save_picture(kernel: Kernel, description: Description, path: Path) -> None:
    """Write a PNG of the two kernels, on one scale of colours; axes are HR pixels from the LR pixel's centre."""
    from matplotlib.figure import Figure

    window = Window.around(kernel.scale)
    table, named = on_window(kernel, window), description.nearest_weights
    used = np.abs(np.stack([table, named])).max(axis=0) > 0.002 * np.abs(table).max()
    rows, columns = np.flatnonzero(used.any(axis=1)), np.flatnonzero(used.any(axis=0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    middle = (kernel.scale - 1) / 2
    left, top = window.left + columns[0] - middle - 0.5, window.top + rows[0] - middle - 0.5
    extent = (left, left + np.ptp(columns) + 1, top + np.ptp(rows) + 1, top)
    most = float(np.abs(np.stack([table, named])).max())
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, weights, title in zip(axes, (table, named), ("estimated", description.nearest), strict=True):
        image = axis.imshow(weights[part], cmap="RdBu_r", vmin=-most, vmax=most, extent=extent)
        axis.plot(0, 0, "k+")
        axis.set(title=title, xlabel="HR pixels", ylabel="HR pixels")
    figure.colorbar(image, ax=axes, label="weight")
    with replacing(path) as beside:
        figure.savefig(beside, format="png", dpi=120)
