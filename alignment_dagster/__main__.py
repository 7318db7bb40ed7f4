"""`python -m alignment_dagster` is the command `alignment`."""

from alignment_dagster.cli.main import main

if __name__ == "__main__":
    main()
