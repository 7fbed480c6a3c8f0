"""The SQL read model: what the topics said, kept for the questions that people ask of it."""
