"""One request, carried out and measured in a fresh process."""
