"""eBay, by its Inventory API."""
