"""`python -m valet`."""

from valet.command import main

main()
