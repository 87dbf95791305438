"""What `identify` found out, as lines for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from srbench.errors import counted, several
from srbench.identify.compare import BORDER

if TYPE_CHECKING:
    from srbench.identify.describe import Description
    from srbench.identify.identify import Identity
    from srbench.identify.kernel import Estimate

LIKE = 0.03
"""Distance up to which a kernel is called that of a resizer, or a Gaussian, where it has no error itself."""
FARTHEST = 0.1
"""The same where it has a large error."""
ROUNDED = 0.32
"""Largest root mean square that rounding alone leaves (0.29), with some margin."""


def lines(identity: Identity) -> list[str]:
    """Return what was found out, a line each."""
    return [*_verdict(identity), *_kernel(identity), *_cost(identity)]


def _verdict(identity: Identity) -> list[str]:
    best = identity.comparison.best
    if best is None:
        return ["nothing could be compared"]
    images = counted(identity.comparison.images, "image")
    group = [member.label for member in identity.comparison.groups[0]]
    if best.is_equal:
        same = f" (so are {', '.join(group[1:])})" if group[1:] else ""
        return [f"{group[0]} is equal in every pixel of {images} at x{identity.scale}{same}"]
    text = f"no candidate is equal in every pixel of {images} at x{identity.scale}; the nearest is {group[0]}"
    text += f": {100 * best.share:.1f} % of the pixels are equal"
    if best.is_equal_inside:
        text += f", all but some within {BORDER} pixels of the borders, which are continued in another way"
    return [text]


def _kernel(identity: Identity) -> list[str]:
    estimate, description = identity.estimate, identity.description
    if not identity.looked_at:
        return []
    if estimate is None or description is None:
        return ["kernel: the images are too small, or have too little detail, to estimate it"]
    rows, columns = estimate.weights.shape
    down, right = description.shift
    light = "linear light" if estimate.kernel.linear_light else "code values"
    other = estimate.residual_code if estimate.kernel.linear_light else estimate.residual_linear
    other_light = "code values" if estimate.kernel.linear_light else "linear light"
    lights = f"on {light} ({estimate.residual:.2f} of 255 is left; on {other_light} {other:.2f})"
    findings = [
        f"kernel: {rows}x{columns} HR pixels, sum {description.total:.4f}, {lights}",
        f"centre: {down:+.3f} HR pixels down and {right:+.3f} right of the LR pixel's centre",
        f"shape: {_shape(description)}; its standard error is {100 * estimate.error:.1f} %",
        *_near(estimate, description),
        f"left: {_left(identity, estimate)}",
    ]
    if abs(estimate.kernel.offset) > 0.25:
        rounding = ", as values are that were cut off instead of rounded" if estimate.kernel.offset < 0 else ""
        findings.append(f"offset: {estimate.kernel.offset:+.2f} of 255{rounding}")
    if identity.clipped > 0.0005:
        findings.append(f"clipped: {100 * identity.clipped:.1f} % of the values are 0 or 255")
    return findings


def _shape(description: Description) -> str:
    separable = f"{100 * description.separable:.1f} % of its energy"
    parts = [f"separable ({separable})" if description.separable > 0.995 else f"not separable ({separable} is)"]
    turned = f"{100 * description.asymmetry:.0f} % of it changes when turned by 180 degrees"
    parts.append("symmetric" if description.asymmetry < LIKE else f"not symmetric ({turned})")
    return ", ".join(parts)


def _near(estimate: Estimate, description: Description) -> list[str]:
    gaussian = description.gaussian
    like = min(LIKE + 2 * estimate.error, FARTHEST)
    near = "is the kernel of" if description.nearest_distance < like else "nearest named kernel:"
    same = f", also of {several(description.alike)}" if description.alike else ""
    findings = [f"{near} {description.nearest}{same} (differs by {100 * description.nearest_distance:.1f} %)"]
    if gaussian.distance < like:
        large, small = gaussian.sigmas
        sigmas = (
            f"{large:.2f}" if large / small < 1.03 else f"{large:.2f} x {small:.2f} at {gaussian.angle:.0f} degrees"
        )
        findings.append(f"is a Gaussian of sigma {sigmas} HR pixels (differs by {100 * gaussian.distance:.1f} %)")
    return findings


def _left(identity: Identity, estimate: Estimate) -> str:
    if identity.jpegs:
        qualities = [jpeg.quality for jpeg in identity.jpegs]
        quality = f"{min(qualities)}" if min(qualities) == max(qualities) else f"{min(qualities)} to {max(qualities)}"
        kinds = " and ".join(sorted({jpeg.subsampling for jpeg in identity.jpegs} - {""}))
        count = f"in {len(identity.jpegs)} of {counted(identity.looked_at, 'image')}"
        traces = f"JPEG of quality {quality}{f' ({kinds})' if kinds else ''}"
        return f"{estimate.residual:.2f} of 255; 8x8 blocks show {traces} {count}"
    if estimate.residual <= ROUNDED:
        return f"{estimate.residual:.2f} of 255, no more than rounding leaves"
    if estimate.kernel.noise:
        return f"noise of sigma {estimate.kernel.noise:.2f} of 255, beside rounding"
    return f"{estimate.residual:.2f} of 255; rounding leaves 0.29"


def _cost(identity: Identity) -> list[str]:
    cost = identity.cost
    if cost is None:
        return []
    figures = (
        f"{cost.method} reaches {cost.given:.2f} dB on them and {cost.bicubic:.2f} dB on bicubic LR of the same HR"
    )
    images = counted(cost.images, "image")
    if cost.loss > 0.01:
        return [f"networks trained for bicubic lose about {cost.loss:.2f} dB on these LR: {figures} ({images})"]
    return [f"networks trained for bicubic lose nothing on these LR: {figures} ({images})"]


def missing(identity: Identity) -> list[str]:
    """Return a line for each library whose candidates could not be tried."""
    return [f"not tried: {several(names)}: {reason}" for reason, names in identity.comparison.missing.items()]


def as_json(identity: Identity) -> dict[str, Any]:
    """Return all that was found out as an object for JSON."""
    comparison, estimate, description = identity.comparison, identity.estimate, identity.description
    candidates = [
        {
            "name": member.name,
            "hr_cropped": not member.whole,
            "group": number,
            "equal_in_every_pixel": member.is_equal,
            "equal_share": member.share,
            "largest_difference": member.largest,
            "mean_difference": member.mean,
            "images": member.images,
        }
        for number, group in enumerate(comparison.groups)
        for member in group
    ]
    kernel: dict[str, Any] | None = None
    if estimate is not None and description is not None:
        kernel = {
            "weights": estimate.kernel.weights,
            "top": estimate.kernel.top,
            "left": estimate.kernel.left,
            "sum": description.total,
            "shift": description.shift,
            "linear_light": estimate.kernel.linear_light,
            "residual": estimate.residual,
            "residual_code": estimate.residual_code,
            "residual_linear": estimate.residual_linear,
            "noise": estimate.kernel.noise,
            "offset": estimate.kernel.offset,
            "standard_error": estimate.error,
            "separable": description.separable,
            "asymmetry": description.asymmetry,
            "nearest": description.nearest,
            "alike": description.alike,
            "nearest_distance": description.nearest_distance,
            "gaussian": {
                "sigmas": description.gaussian.sigmas,
                "angle": description.gaussian.angle,
                "distance": description.gaussian.distance,
            },
            "clipped": identity.clipped,
            "jpeg": [{"quality": jpeg.quality, "subsampling": jpeg.subsampling} for jpeg in identity.jpegs],
        }
    cost = identity.cost
    return {
        "scale": identity.scale,
        "images": comparison.images,
        "stopped": identity.stopped,
        "candidates": candidates,
        "kernel": kernel,
        "cost": cost and {"method": cost.method, "psnr": cost.given, "psnr_bicubic": cost.bicubic, "loss": cost.loss},
        "missing": comparison.missing,
        "faults": comparison.faults,
    }
