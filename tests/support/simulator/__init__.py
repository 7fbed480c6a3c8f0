"""The engine's and delivery's own code on a virtual clock and a modelled Kafka, everything from one seed (rule 40).

`docs/simulator.md` explains it. `run` simulates the engine alone, step by step; `world` the way to a marketplace.
`kafka` models logs, transactions, fencing; `group` the consumer group; `marketplace` what buyers see. `traffic` sends
input and knows, in plain sums, what must come out; `promises` and `whole` check. `switches` are rules that can be
switched off, to show that the checks would notice.
"""
