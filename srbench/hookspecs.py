"""The four hooks. A plugin implements any of them as plain functions marked with ``@srbench.hookimpl``."""

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
    """Return the methods this plugin brings, and the kinds of files that are methods."""


@hookspec
def srbench_losses() -> Iterable[LossSpec]:  # type: ignore[empty-body]
    """Return the training losses this plugin brings."""


@hookspec
def srbench_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Return the datasets this plugin brings."""


@hookspec
def srbench_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Return the quality metrics this plugin brings."""
