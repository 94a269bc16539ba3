"""Products on matrix tiles, of values and filters as bfloat16."""
