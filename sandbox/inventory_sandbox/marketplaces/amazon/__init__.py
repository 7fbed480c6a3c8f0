"""Amazon's Selling Partner API: Login with Amazon, listings, feeds, reports, FBA inventory, notifications."""
