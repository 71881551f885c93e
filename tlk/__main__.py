"""`python -m tlk`."""

import sys

if __name__ == "__main__":
    try:
        from tlk.cli.main import main
    except KeyboardInterrupt:  # pressed before there was anybody to say it
        sys.stderr.write("error: interrupted; what was complete is kept\n")
        sys.exit(130)
    main()
