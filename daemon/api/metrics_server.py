"""/metrics for Prometheus, on a listener of its own: what is public is not beside what is private."""

import base64
import binascii
import hmac
import socket
import ssl

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder

from config import ConfigError, Mistake
from config.settings import Metrics
from daemon.api.listen import listen

ASK = {"WWW-Authenticate": 'Basic realm="metrics", charset="UTF-8"'}
"""RFC 7617, 2."""


class MetricsServer:
    """Serves ``registry`` in the text format, or as OpenMetrics to who asks for it.

    With ``metrics.username``, only to who knows the password; with ``metrics.certificate_file``, over TLS.
    """

    def __init__(self, settings: Metrics, registry: CollectorRegistry = REGISTRY) -> None:
        self._settings = settings
        self._registry = registry
        self._tls: ssl.SSLContext | None = None
        self._socket: socket.socket | None = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen and serve. Raises ListenError, ConfigError."""
        self._tls = _tls(self._settings)
        self._socket = listen(self._settings.host, self._settings.port, setting="metrics.port")
        app = web.Application(middlewares=[_asking(self._settings)])
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket, ssl_context=self._tls).start()

    def renew_certificate(self) -> None:
        """Read the certificate again, for handshakes from now on. Raises ConfigError, and goes on with the old one."""
        if self._tls is not None:
            _tls(self._settings)  # a pair that does not fit must not get into the one that is in use
            _load(self._tls, self._settings)

    @property
    def port(self) -> int:
        """The real one, also where the settings say 0."""
        if self._socket is None:
            raise RuntimeError("not started")
        port: int = self._socket.getsockname()[1]
        return port

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})


def _asking(settings: Metrics) -> Middleware:
    """Asks for user and password (RFC 7617) where the settings have them, whatever the path."""
    expected = None
    if settings.username is not None and settings.password is not None:
        expected = f"{settings.username}:{settings.password.get_secret_value()}".encode()

    @web.middleware
    async def ask(request: web.Request, handler: Handler) -> web.StreamResponse:
        if expected is not None and not hmac.compare_digest(_given(request), expected):
            return web.Response(status=401, text="401: a user and a password are needed\n", headers=ASK)
        return await handler(request)

    return ask


def _given(request: web.Request) -> bytes:
    """``user:password`` as the request has it; empty where it has none that can be read."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _tls(settings: Metrics) -> ssl.SSLContext | None:
    """For the listener; None where it speaks http. Raises ConfigError."""
    if settings.certificate_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, settings)
    return context


def _load(context: ssl.SSLContext, settings: Metrics) -> None:
    if settings.certificate_file is None or settings.key_file is None:
        return
    for name in ("certificate_file", "key_file"):
        try:
            with open(getattr(settings, name), "rb"):  # noqa: PTH123 - only to say which of the two cannot be read
                pass
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not a path"
            raise ConfigError("the configuration", [Mistake(f"metrics.{name}", f"cannot be read: {reason}")]) from None
    try:
        # Without a password: OpenSSL would ask for one on the terminal.
        context.load_cert_chain(settings.certificate_file, settings.key_file, password="")
    except (ssl.SSLError, ValueError) as error:
        reason = error.reason if isinstance(error, ssl.SSLError) and error.reason else "no certificate, or no key"
        said = {
            "KEY_VALUES_MISMATCH": "the key is not this certificate's",
            "PEM_LIB": "one of them is not PEM, or has a password",
        }.get(reason, reason.lower().replace("_", " "))
        problem = Mistake("metrics.certificate_file", f"cannot be used with metrics.key_file: {said}")
        raise ConfigError("the configuration", [problem]) from None
