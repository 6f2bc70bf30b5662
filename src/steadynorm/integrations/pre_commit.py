"""The hook of pre-commit: `steadynorm check` on the files of a commit, most of which are about something else.

That there is nothing to check in them is no reason to refuse a commit, so that the command's exit code 3 is 0 here.
"""

from __future__ import annotations

import sys

from steadynorm import cli, exits


def main() -> None:
    """Runs the command `check` with the arguments that pre-commit gives."""
    sys.argv[1:1] = ["check"]
    try:
        cli.main()
    except SystemExit as left:
        sys.exit(exits.CLEAN if left.code == exits.NOTHING else left.code)


if __name__ == "__main__":
    main()
