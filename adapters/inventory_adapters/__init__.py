"""The marketplaces: what their APIs want to hear, and what their answers mean. Start at `catalog`."""
