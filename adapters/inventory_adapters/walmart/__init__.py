"""Walmart Marketplace (US)."""
