"""`python -m zt_dsl`, and the console script `zt`."""

import gc
import os
import sys

# A short life that only allocates: collecting would cost as much as compiling.
gc.disable()


def main() -> None:
    """Run the command line, and end with its exit status."""
    from zt_dsl.commands import run

    status = run(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Without taking apart, object by object, what ends with the process anyway.
    os._exit(status)


if __name__ == "__main__":
    main()
