"""`python -m daemon` is the same as the `inboxd` command."""

from daemon.cli.main import main

if __name__ == "__main__":
    main()
