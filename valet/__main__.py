"""`python -m valet`."""

from valet.cli import main

main()
