"""The command `kitnet`, which is `python -m kitnet`, too."""

import sys

INTERRUPTED = 130  # as in `kitnet.cli.screen`, which may not be imported yet


def main() -> None:
    """The command line; Ctrl-C while it is imported is one line, and `import kitnet` takes no time before."""
    try:
        from kitnet.cli import main

        main()
    except KeyboardInterrupt:
        print("kitnet: stopped by Ctrl-C", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
