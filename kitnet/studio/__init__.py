"""Floor 7: the live page, and the training that it drives."""
