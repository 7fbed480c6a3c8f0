"""The operations page: what the ledger knows, for people, and their commands to channels."""
