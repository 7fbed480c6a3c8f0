"""Walmart Marketplace (US): token, inventory by SKU and ship node, feeds, items, WFS, status, webhooks."""
