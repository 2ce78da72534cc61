"""Mails that come back: bounces (RFC 3464) and complaints (RFC 5965).

They arrive in a Maildir (``maildir``, ``polling``) or at a listener of our own (``listener``). ``reading`` says what a
mail means, ``matching`` whether it is about one of ours and to be believed, and ``taking`` writes it.
"""
