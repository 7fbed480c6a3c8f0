"""eBay: OAuth, Sell Inventory API, Analytics API (rate limits), Trading API (user preferences), notifications."""
