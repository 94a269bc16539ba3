"""Floor 0: the words that everyone uses. Imports nothing else of kitnet."""
