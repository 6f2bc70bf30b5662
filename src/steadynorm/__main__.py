"""`python -m steadynorm` is the command `steadynorm`."""

from steadynorm.cli import main

main()
