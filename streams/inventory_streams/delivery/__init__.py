"""One process per marketplace reads targets, pushes what is due, and writes down what came of it."""
