"""`python -m inventory_cli`: the same as the command `inventory-sync`."""

from inventory_cli.main import main

main()
