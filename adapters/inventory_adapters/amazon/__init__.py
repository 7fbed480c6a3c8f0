"""Amazon, by its Selling Partner API."""
