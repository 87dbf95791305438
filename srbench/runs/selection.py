"""Choose images of datasets: ``--images`` and ``--limit-images``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.errors import UsageError, several, unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from srbench.specs import ImagePair


def select(pairs: Sequence[ImagePair], dataset: str, images: Sequence[str], limit: int) -> list[ImagePair]:
    """Return the chosen images of a dataset, in its order.

    Args:
        pairs: the images of the dataset.
        dataset: its name.
        images: names, in any case, also ``DATASET/NAME``; empty for all.
        limit: the first so many of them; 0 for all.

    Raises:
        UsageError: none of the images is in the dataset.
    """
    chosen = list(pairs)
    if images:
        wanted = _joined(images, {form for pair in pairs for form in _forms(pair, dataset)})
        chosen = [pair for pair in pairs if not _forms(pair, dataset).isdisjoint(wanted)]
        if not chosen:
            raise UsageError(f"dataset {dataset} has none of --images {', '.join(images)}; it has {_shown(pairs)}")
    return chosen[:limit] if limit else chosen


def check_names(images: Sequence[str], listings: Mapping[str, Sequence[ImagePair]]) -> None:
    """Check that each image is in a dataset.

    Args:
        images: names of images.
        listings: the images of all datasets, by the datasets' names.

    Raises:
        UsageError: an image is in none; suggests the nearest.
    """
    known = {form for dataset, pairs in listings.items() for pair in pairs for form in _forms(pair, dataset)}
    for name in _joined(images, known):
        if name not in known:
            raise unknown("image", name, {pair.name for pairs in listings.values() for pair in pairs})


def _joined(images: Sequence[str], known: Collection[str]) -> list[str]:
    """Return names of images in lower case; parts of a name that has commas are put together again.

    >>> _joined(["A", "b", "c"], {"a", "b,c"})
    ['a', 'b,c']
    """
    names: list[str] = []
    parts = [name.lower() for name in images]
    while parts:
        lengths = (1, *range(len(parts), 1, -1))
        length = next((length for length in lengths if ",".join(parts[:length]) in known), 1)
        names.append(",".join(parts[:length]))
        del parts[:length]
    return names


def _forms(pair: ImagePair, dataset: str) -> set[str]:
    """Return all names of an image, in lower case."""
    names = [pair.name, *getattr(pair, "aliases", ())]
    return {form.lower() for name in names for form in (name, f"{dataset}/{name}")}


def _shown(pairs: Sequence[ImagePair]) -> str:
    return several([pair.name for pair in pairs], 8)
