"""`python -m lmcore`: the headless command."""

from lmcore.cli import main

if __name__ == "__main__":
    main()
