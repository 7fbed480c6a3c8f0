"""The demo: the whole pipeline on this machine, an ERP that is played, and a verdict made apart from the engine."""
