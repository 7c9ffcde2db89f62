"""Looking after the folder of a batch: how far it is, what its runs said, what is wrong with it, what can go."""
