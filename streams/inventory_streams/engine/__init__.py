"""The engine: turns stock changes into targets, one transaction per partition and batch (design.md section 3)."""
