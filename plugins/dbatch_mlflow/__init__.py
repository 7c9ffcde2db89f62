"""Batches in MLflow: a parent run for each batch, a child for each of its runs; `dbatch export DIR --to mlflow`."""

from __future__ import annotations

from dbatch_mlflow.exporter import export

__all__ = ["export"]
