"""What everything below deploy/ and docs/metrics.md is made of. `make generate` writes it, `make check` compares it."""
