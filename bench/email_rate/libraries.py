"""The libraries, a connection for each message: ``smtplib PORT SECONDS``, ``aiosmtplib PORT SECONDS``.

Both are told the name to greet with, which spares them a question to the DNS for each.
"""

import asyncio
import smtplib
import sys
from email.message import EmailMessage

import aiosmtplib

from bench.email_rate import words
from bench.sending import keep_calling, keep_sending

NAME = "shop.example"


def message(number: int, text: str, html: str) -> EmailMessage:
    """As the standard library's documentation makes one with HTML."""
    made = EmailMessage()
    made["Subject"] = words.title(number)
    made["From"] = words.SENDER
    made["To"] = words.recipient(number)
    made.set_content(text)
    made.add_alternative(html, subtype="html")
    return made


def main(library: str, port: int, seconds: float) -> None:
    """Send for so long."""
    text, html = words.finished()

    def with_smtplib(number: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, local_hostname=NAME) as server:
            server.send_message(message(number, text, html))

    async def with_aiosmtplib(number: int) -> None:
        await aiosmtplib.send(
            message(number, text, html), hostname="127.0.0.1", port=port, local_hostname=NAME, start_tls=False
        )

    if library == "smtplib":
        keep_calling(with_smtplib, seconds)
    else:
        asyncio.run(keep_sending(with_aiosmtplib, seconds, words.AT_ONCE))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
