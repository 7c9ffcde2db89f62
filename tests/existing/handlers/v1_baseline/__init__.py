from .strategy import V1Baseline

__all__ = ["V1Baseline"]
