"""Where traces go."""

from pydantic import Field, field_validator

from config.section import Section


class Tracing(Section):
    """Traces for OpenTelemetry: one of each event, from the application's commit to the provider's answer."""

    endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s]+$",
        description="where OTLP over HTTP is taken, as http://localhost:4318/v1/traces; needs orderbell[otel]",
    )
    sample_ratio: float = Field(
        default=1.0, ge=0, le=1, description="this share of the events is traced; every daemon picks the same ones"
    )
    service_name: str = Field(default="orderbell", min_length=1, description="service.name of the traces")

    @field_validator("endpoint")
    @classmethod
    def _without_login(cls, endpoint: str | None) -> str | None:
        if endpoint is not None and "@" in endpoint.partition("://")[2].partition("/")[0]:
            raise ValueError("takes no login: set OTEL_EXPORTER_OTLP_HEADERS in the environment")
        return endpoint
