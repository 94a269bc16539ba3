"""Floor 8: the live page, and the training that it drives."""
