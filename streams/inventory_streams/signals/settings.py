"""What a process that takes signals may be told, with the reason of each number beside it."""

from __future__ import annotations

from dataclasses import dataclass

from inventory_domain.errors import ConfigFault
from inventory_streams.kafka.settings import KafkaSettings
from inventory_streams.topics import Topics


@dataclass(frozen=True, slots=True)
class SignalsSettings:
    """The webhook process. Every `_s` is in seconds, every `_max` is a bound that holds.

    `body_bytes_max`: a longer message is refused unread. `in_flight_max`: messages worked on at once; more are asked to
    come again. `kept_s`, `kept_max`: how long and how many ids of messages are remembered, so that one sent again
    counts once. `hint_interval_s`: a listing is told of at most once in this time, so that a flood of signals of one
    listing leads to one read. `hints_per_s_max`: per channel; what is beyond it the schedule finds.
    """

    app: str
    kafka: KafkaSettings
    topics: Topics
    partitions: int
    host: str = "127.0.0.1"
    port: int = 9480
    body_bytes_max: int = 1 << 20
    body_s_max: float = 5.0
    in_flight_max: int = 64
    kept_s: float = 172_800.0
    kept_max: int = 200_000
    hint_interval_s: float = 30.0
    hints_per_s_max: float = 20.0
    produce_s_max: float = 4.0
    probe_host: str = "127.0.0.1"
    probe_port: int = 0

    def faults(self, path: str) -> list[ConfigFault]:
        """Everything in these settings that cannot be, each with its path in the configuration file."""
        bounds: dict[str, tuple[float, float]] = {
            "body_bytes_max": (1_024, 16 << 20),
            "body_s_max": (0.1, 60),
            "in_flight_max": (1, 10_000),
            "kept_s": (60, 30 * 86_400),
            "kept_max": (100, 10_000_000),
            "hint_interval_s": (0, 3_600),
            "hints_per_s_max": (0.01, 10_000),
            "produce_s_max": (0.1, 60),
        }
        return [
            ConfigFault(f"{path}.{name}", f"is {getattr(self, name)}; {least:g} to {most:g}")
            for name, (least, most) in bounds.items()
            if not least <= getattr(self, name) <= most
        ]
