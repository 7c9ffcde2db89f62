"""A strategy to start from: a package that runs, is tested and can be installed, written for a given name."""
