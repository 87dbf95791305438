"""Placement of labels near points, such that none covers another label, a point or the frame's edge, if possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

DISTANCES = (9.0, 16.0, 26.0, 40.0, 58.0)
SIDES = ((1, 0), (1, 1), (1, -1), (-1, 0), (-1, 1), (-1, -1), (0, 1), (0, -1))


class Box(NamedTuple):
    """A rectangle: left, bottom, right, top."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """Return the area that two rectangles share."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(width, 0.0) * max(height, 0.0)


def place(points: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]], frame: Box) -> list[Box]:
    """Return a box for the label of each point, greedily: each takes the nearest position that is free.

    Args:
        points: centres in pixels.
        sizes: width and height of each label in pixels.
        frame: the area that no label may leave.
    """
    taken = [Box(x - 5, y - 5, x + 5, y + 5) for x, y in points]
    placed: dict[int, Box] = {}
    for i in sorted(range(len(points)), key=lambda k: (points[k][0], points[k][1])):
        choices = [_beside(points[i], sizes[i], side, far) for far in DISTANCES for side in SIDES]
        costs = [_cost(box, taken, frame) + 0.01 * k for k, box in enumerate(choices)]
        placed[i] = choices[costs.index(min(costs))]
        taken.append(placed[i])
    return [placed[i] for i in range(len(points))]


def _beside(point: tuple[float, float], size: tuple[float, float], side: tuple[int, int], far: float) -> Box:
    (x, y), (width, height), (across, up) = point, size, side
    reach = far * 0.75 if across and up else far
    left = x + across * reach - (width if across < 0 else width / 2 if across == 0 else 0)
    bottom = y + up * reach - height / 2
    return Box(left, bottom, left + width, bottom + height)


def _cost(box: Box, taken: Sequence[Box], frame: Box) -> float:
    """Return the area that is covered twice; area outside the frame counts 20 times."""
    outside = (box.right - box.left) * (box.top - box.bottom) - box.overlap(frame)
    return 20 * outside + sum(box.overlap(other) for other in taken)
