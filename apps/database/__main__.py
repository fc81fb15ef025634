"""Make the shop's database, or remove it: `python -m apps.database [--drop] URL`."""

import argparse
import sys

from .schema import DatabaseError, drop, prepare


def main() -> int:
    """Carry out what the command line says: 0 where that was done, 2 where it could not be."""
    parser = argparse.ArgumentParser(prog="python -m apps.database", description="Make the shop's database.")
    parser.add_argument("url", help="sqlite:////absolute/path.db or postgresql://user:password@host:port/name")
    parser.add_argument("--drop", action="store_true", help="remove it instead")
    arguments = parser.parse_args()
    try:
        (drop if arguments.drop else prepare)(arguments.url)
    except DatabaseError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
