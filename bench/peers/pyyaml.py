"""Writes again, with PyYAML's C dumper, the objects of a directory: what emission alone costs with a library."""

import pickle
import sys
from pathlib import Path

import yaml


def main() -> None:
    """Arguments: a pickle of the objects, and where to write."""
    objects = pickle.loads(Path(sys.argv[1]).read_bytes())
    with Path(sys.argv[2]).open("w") as out:
        yaml.dump_all(objects, out, Dumper=yaml.CSafeDumper, sort_keys=False)


if __name__ == "__main__":
    main()
