"""The rules of the system: values and pure functions. Nothing here reads a clock, logs, or does IO."""
