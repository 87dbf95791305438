"""A least-recently-used cache, bounded in bytes, for what depends on HR alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

V = TypeVar("V")


def nbytes(value: Any) -> int:
    """Return the size in bytes of the arrays and tensors inside a value."""
    size = getattr(value, "nbytes", None)
    if isinstance(size, int):
        return size
    if isinstance(value, Mapping):
        return sum(nbytes(item) for item in value.values())
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return sum(nbytes(item) for item in value)
    if is_dataclass(value):
        return sum(nbytes(getattr(value, field.name)) for field in fields(value))
    return 0


class ReferenceStore:
    """Caches computed values up to a number of bytes; the least recently used are evicted first."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.held_bytes = 0
        self._items: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def clear(self) -> None:
        """Remove all values."""
        self._items.clear()
        self.held_bytes = 0

    def __contains__(self, key: Hashable) -> bool:
        return key in self._items

    def get(self, key: Hashable, compute: Callable[[], V]) -> V:
        """Return the value of a key; compute and cache it if it is missing."""
        if key in self._items:
            self._items.move_to_end(key)
            cached: V = self._items[key][0]
            return cached
        value = compute()
        size = nbytes(value)
        if size <= self.max_bytes:
            self._items[key] = (value, size)
            self.held_bytes += size
            while self.held_bytes > self.max_bytes:
                _, (_, freed) = self._items.popitem(last=False)
                self.held_bytes -= freed
        return value
