"""Market-making strategies on ticks, shipped with dbatch as a plugin like any other."""
