"""Shopify's Admin API: GraphQL on the published schema of each version, and the legacy REST calls for inventory."""
