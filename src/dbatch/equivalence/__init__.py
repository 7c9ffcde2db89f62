"""Evidence that results do not depend on how they were computed."""
