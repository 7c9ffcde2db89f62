"""What the results of many trials are worth: statistics of a whole batch, pure functions of arrays below `of_batch`."""
