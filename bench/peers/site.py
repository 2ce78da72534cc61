"""What daphne serves: each connection is in the group of everybody, and in one of its own."""

import django

django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402 - after setup()
from channels.routing import ProtocolTypeRouter  # noqa: E402

from bench.hub.servers.orders import ready_for_measuring  # noqa: E402


class Bell(AsyncWebsocketConsumer):
    groups = ("everybody",)

    async def connect(self) -> None:
        self.own = "person_" + self.scope["path"].removeprefix("/")
        await self.channel_layer.group_add(self.own, self.channel_name)
        await self.accept()
        await self.send(text_data='{"type":"welcome"}')

    async def disconnect(self, code: int) -> None:  # noqa: ARG002
        await self.channel_layer.group_discard(self.own, self.channel_name)

    async def ring(self, event: dict[str, str]) -> None:
        await self.send(text_data=event["text"])


application = ProtocolTypeRouter({"websocket": Bell.as_asgi()})
ready_for_measuring()
