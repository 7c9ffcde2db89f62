"""Portfolio strategies for dbatch: long the best of a universe, short the worst, by factors."""
