"""permessage-deflate (RFC 7692) as the hub speaks it: without context takeover, in either direction.

So one compressed frame serves everybody who has agreed on it, and a connection keeps no window in memory. The limit
of a message counts what it is decompressed.
"""

from collections.abc import Sequence

from websockets.exceptions import NegotiationError
from websockets.extensions.base import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.typing import ExtensionParameter

WINDOW_BITS = 15


class SharedDeflate(ServerPerMessageDeflateFactory):
    """Declines an offer that wants a smaller window than shared frames are made with."""

    def __init__(self) -> None:
        super().__init__(server_no_context_takeover=True, client_no_context_takeover=True)

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        answer, extension = super().process_request_params(params, accepted_extensions)
        if extension.local_max_window_bits < WINDOW_BITS:
            raise NegotiationError("frames are made with the largest window")
        return answer, extension


EXTENSIONS = (SharedDeflate(),)
