"""A request measured: sequentially and with so many workers, side by side, results compared."""
