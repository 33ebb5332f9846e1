"""`python -m normdrop`, where the command is not on the path."""

from normdrop.cli import main

if __name__ == "__main__":
    main()
