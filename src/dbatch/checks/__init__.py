"""Whether a strategy looks ahead, and how much history it needs: the same run over less data."""
