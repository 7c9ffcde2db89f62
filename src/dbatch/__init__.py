"""dbatch: batch backtests of tick and bar strategies on Dask, with proof that parallel equals serial."""

__version__ = "0.1.0"
