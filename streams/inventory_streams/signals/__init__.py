"""Takes what marketplaces tell of their own accord, and makes hints and sales of it."""
