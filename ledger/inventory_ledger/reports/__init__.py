"""The daily review and the weekly audit: asked of the tables, drawn, written down and kept."""
