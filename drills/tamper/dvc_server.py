"""Answers about a folder that DVC tracks; run by the Python that DVC is installed in.

Lines on standard input: `add FOLDER TARGET…`, `status FOLDER`, `commit FOLDER`.
"""

import json
import os
import sys

from dvc.repo import Repo  # type: ignore[import-not-found]


def answer(command: str, folder: str, targets: list[str]) -> object:
    """What DVC says; for `status`, whether anything differs from what it recorded."""
    os.chdir(folder)
    if command == "add":
        Repo.init(".", no_scm=True).close()
    with Repo(".") as repo:
        if command == "add":
            return len(repo.add(targets))
        if command == "commit":
            return len(repo.commit(force=True))
        return bool(repo.status())


def main() -> None:
    """Serve until standard input ends; what DVC itself prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        command, folder, *targets = json.loads(line)
        try:
            said: object = answer(command, folder, targets)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    main()
