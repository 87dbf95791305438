"""Ways to shrink images that people use: one module per library, collected here by name."""

from __future__ import annotations

from srbench.images.resizers import arrays, matlab, opencv, pillow, plain, tensors

RESIZERS = {
    resizer.name: resizer for module in (matlab, pillow, opencv, tensors, arrays, plain) for resizer in module.RESIZERS
}
"""All resizers but those of `plain.FAMILIES`."""
