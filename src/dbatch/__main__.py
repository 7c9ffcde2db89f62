"""`python -m dbatch`."""

from dbatch.cli import main

if __name__ == "__main__":
    main()
