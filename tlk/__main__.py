"""`python -m tlk`."""

from tlk.cli.main import main

if __name__ == "__main__":
    main()
