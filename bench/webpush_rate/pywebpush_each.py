"""pywebpush as its documentation calls it: ``webpush``, ``webpush_async`` and their variants, with PORT and SECONDS.

``... session``: with the session that its page offers for more than one push. The private key is given as text.
"""

import asyncio
import json
import sys
from typing import Any

import aiohttp
import requests
from pywebpush import webpush, webpush_async

from bench.sending import keep_calling, keep_sending
from bench.webpush_rate import people
from bench.webpush_rate.ours import delivery
from dispatchers.webpush.payload import payload
from dispatchers.webpush.vapid import generate_vapid_key


def main(how: str, port: int, seconds: float) -> None:
    """Send for so long."""
    devices = people.subscriptions(port)
    private_key, _ = generate_vapid_key()
    words = json.dumps(json.loads(payload(delivery(1, ""))))

    def arguments(number: int) -> dict[str, Any]:
        return {
            "subscription_info": devices[number % people.DEVICES],
            "data": words,
            "vapid_private_key": private_key,
            "vapid_claims": {"sub": people.CONTACT},
            "ttl": 86_400,
        }

    async def many() -> None:
        async with aiohttp.ClientSession() as session:
            more = {"aiohttp_session": session} if how.endswith("session") else {}
            await keep_sending(lambda number: webpush_async(**arguments(number), **more), seconds, people.AT_ONCE)

    if how.startswith("webpush_async"):
        asyncio.run(many())
    else:
        more = {"requests_session": requests.Session()} if how.endswith("session") else {}
        keep_calling(lambda number: webpush(**arguments(number), **more), seconds)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
