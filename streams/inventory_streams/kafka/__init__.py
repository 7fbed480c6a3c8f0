"""What every process here needs of Kafka: clients, transactions, whole-partition reads, probes."""
