"""`python -m lmcore`: the headless command."""

from lmcore.interpreters import leave_out_working_folder

if __name__ == "__main__":
    leave_out_working_folder()

    from lmcore.cli import main

    main()
