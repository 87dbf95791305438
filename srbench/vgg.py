"""The layers of VGG networks by their usual names (Simonyan and Zisserman 2015); torch is not imported.

``conv2_2`` is the output of the second convolution of the second block, ``relu2_2`` its activation.
"""

from __future__ import annotations

CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg16_bn": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Number of convolutions in each block, by network. In ``vgg16_bn`` a batch norm follows each convolution."""


def layer_indices(network: str) -> dict[str, int]:
    """Return the index of each layer in torchvision's ``features``, by name and in order.

    Args:
        network: a key of `CONVOLUTIONS`.

    Example:
        >>> list(layer_indices("vgg19").items())[:5]
        [('conv1_1', 0), ('relu1_1', 1), ('conv1_2', 2), ('relu1_2', 3), ('conv2_1', 5)]
    """
    modules_per_convolution = 3 if network.endswith("_bn") else 2
    indices: dict[str, int] = {}
    index = 0
    for block, count in enumerate(CONVOLUTIONS[network], start=1):
        for i in range(1, count + 1):
            indices[f"conv{block}_{i}"] = index
            index += modules_per_convolution
            indices[f"relu{block}_{i}"] = index - 1
        index += 1  # max pooling
    return indices


def activations(network: str) -> list[str]:
    """Return the names of the activations in order: ``relu1_1``, ``relu1_2``, ``relu2_1``, ..."""
    return [name for name in layer_indices(network) if name.startswith("relu")]
