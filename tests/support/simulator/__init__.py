"""The engine's own logic on a virtual clock and a modelled Kafka, everything from one seed (rule 40).

`kafka` models logs, transactions and fencing; `traffic` sends input and knows, in plain sums, what must come out;
`worker` is one engine process around the real agent; `run` mixes them by a seed and checks. `switches` are rules that
can be switched off, to show that the checks would notice. Delivery can join as a second kind of worker.
"""
