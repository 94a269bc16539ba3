"""`python -m kitnet` is the command `kitnet`."""

from kitnet.cli import main

main()
