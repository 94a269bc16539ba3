"""Floor 0: shapes, parameters, random streams and errors, which all floors use. Imports nothing of kitnet."""
