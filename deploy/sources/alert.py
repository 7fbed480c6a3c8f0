"""What an alert is: its rule, its runbook, and an example of what fires it and what does not."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Example:
    """Series by name, minute by minute in promtool's notation: the alert fires at one time, and not at two others."""

    series: dict[str, str]
    fires_at: str
    quiet_at: tuple[str, str]
    """Before it is true, and after it is over."""
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `page` wakes somebody, `ticket` waits for the morning. Its runbook has its name, in words."""

    name: str
    expr: str
    lasts: str
    severity: str
    summary: str
    runbook: str
    example: Example


def happened(counter: str, by: str, window: str = "15m") -> str:
    """Whether the counter counted anything within the window.

    A series that is younger than the window counts whole: what a process counts for the first time has no zero before
    it, so no increase is seen in it.
    """
    return f"sum by ({by}) ({counter} unless {counter} offset {window} or increase({counter}[{window}])) > 0"
