"""The four hooks. A plugin implements any of them, as plain functions marked with ``@srbench.hookimpl``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from srbench.specs import DatasetSpec, LossSpec, MetricSpec, ModelFileSpec, ModelSpec

hookspec = pluggy.HookspecMarker("srbench")
hookimpl = pluggy.HookimplMarker("srbench")


@hookspec
def srbench_models() -> Iterable[ModelSpec | ModelFileSpec]:  # type: ignore[empty-body]
    """Return the methods of this plugin, and the kinds of files that it opens as methods."""


@hookspec
def srbench_losses() -> Iterable[LossSpec]:  # type: ignore[empty-body]
    """Return the training losses of this plugin."""


@hookspec
def srbench_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Return the datasets of this plugin."""


@hookspec
def srbench_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Return the quality metrics of this plugin."""
