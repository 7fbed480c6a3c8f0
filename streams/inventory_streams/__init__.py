"""Everything that moves through Kafka: the engine, delivery, and what they share. Rules live in the domain."""
