"""A batch or a run as one HTML file: it holds all it shows, and asks no network for anything."""
