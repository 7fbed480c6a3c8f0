"""Compares what marketplaces show with what they may show by now, and asks for corrections."""
