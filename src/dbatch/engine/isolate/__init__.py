"""Jobs in a process that may hang, crash or grow, and takes nobody along."""
