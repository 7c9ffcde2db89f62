"""Results read for people: the rows of a batch chosen and sorted, batches one after the other, pictures."""
