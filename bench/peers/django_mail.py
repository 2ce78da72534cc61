"""Django's e-mail as its documentation sends it: ``each PORT SECONDS``, ``kept PORT SECONDS``.

``each`` is ``send_mail`` with ``html_message``, which makes a connection for each; ``kept`` is one connection that is
opened and given to every message, which its page on sending many advises.
"""

import sys

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection, send_mail

from bench.email_rate import words
from bench.sending import keep_calling


def main(how: str, port: int, seconds: float) -> None:
    """Send for so long."""
    settings.configure(EMAIL_HOST="127.0.0.1", EMAIL_PORT=port, USE_TZ=True)
    text, html = words.finished()

    def each(number: int) -> None:
        send_mail(words.title(number), text, words.SENDER, [words.recipient(number)], html_message=html)

    connection = get_connection()

    def kept(number: int) -> None:
        mail = EmailMultiAlternatives(
            words.title(number), text, words.SENDER, [words.recipient(number)], connection=connection
        )
        mail.attach_alternative(html, "text/html")
        mail.send()

    if how == "kept":
        connection.open()
    keep_calling(kept if how == "kept" else each, seconds)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
