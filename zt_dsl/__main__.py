"""`python -m zt_dsl`, and the console script `zt`."""

import sys


def main() -> None:
    """Run the command line, and end with its exit status."""
    from zt_dsl.commands import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
