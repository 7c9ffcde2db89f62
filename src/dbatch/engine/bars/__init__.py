"""Strategies over bars: their compiled loop, their indicators, one or many parameter sets in a pass."""
