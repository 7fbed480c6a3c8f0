"""The engine's state computed once more by an engine apart, and held against the running one."""
