"""Strategies and observers that others ship: found without importing them, loaded by name where they run."""
