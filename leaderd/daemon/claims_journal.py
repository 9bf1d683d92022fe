"""What has happened to the claims: a log line for each change and each claim of this instance, and the metrics."""

from leaderd.core.claim import JobRecord
from leaderd.daemon.metrics import Metrics
from leaderd.errors import SourceError
from leaderd.log import logger


class ClaimsJournal:
    """Tells of the ledger's and the claimer's work in the log and in the metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = logger()
        self._trouble: str | None = None

    def opened(self, where: str) -> None:
        """Log which store has passed its trial."""
        self._log.info("claims.opened", store=where)

    def failed(self, error: SourceError) -> None:
        """Log the first failure of its kind."""
        if error.kind != self._trouble:
            self._trouble = error.kind
            self._log.warning("claims.failed", kind=error.kind, error=error.message, hint=error.hint)

    def asked(self, operation: str, result: str, seconds: float) -> None:
        """Count a request."""
        self._metrics.store_requests.labels(operation, result).inc()
        self._metrics.store_duration.labels(operation).observe(seconds)
        if self._trouble is not None and result in {"ok", "lost"}:
            self._log.info("claims.recovered", kind=self._trouble)
            self._trouble = None

    def seen(self, job: str, record: JobRecord) -> None:
        """Note when the job was last claimed, and last ended well."""
        if record.claims:
            self._metrics.last_claim.labels(job).set(record.claims[0].at)
        ended = [
            claim.at + claim.outcome.duration
            for claim in record.claims
            if claim.outcome and not claim.outcome.exit_code
        ]
        if ended:
            self._metrics.last_success.labels(job).set(max(ended))

    def answered(self, job: str, result: str) -> None:
        """Count a claim."""
        self._metrics.claims.labels(job, result).inc()
