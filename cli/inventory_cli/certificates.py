"""When the certificates that we present or trust end, as metrics; read anew each time, as files are replaced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from cryptography import x509
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

SETTINGS: Final = ("ssl.ca.location", "ssl.certificate.location")
NAME: Final = "inventory_sync_certificate_end_timestamp_seconds"


class CertificateEnds(Collector):
    """The files that these security settings name. A file that cannot be read has no series, which is alerted on."""

    def __init__(self, *securities: Mapping[str, str]) -> None:
        named = {one[setting] for one in securities for setting in SETTINGS if setting in one}
        self._files = tuple(sorted(named))

    def describe(self) -> Iterable[Metric]:
        """The name."""
        return [self._family()]

    def collect(self) -> Iterator[Metric]:
        """When the first certificate of each file ends."""
        family = self._family()
        for file in self._files:
            ends = _first_end_s(Path(file))
            if ends is not None:
                family.add_metric([file], ends)
        yield family

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily(NAME, "When the first certificate of a file ends.", labels=["file"])


def _first_end_s(file: Path) -> float | None:
    try:
        certificates = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        return None
    return min(one.not_valid_after_utc.timestamp() for one in certificates)
