"""Words: the message catalogues, compiled when first read, rendered per event, audience, locale and time zone.

What templates are given comes from strangers, and not only the operator writes them, so they run in a sandbox that also
limits what they cost. Their output is plain text; whoever puts it into HTML escapes it.

Read in this order: ``locales`` (which catalogue for whom), ``message`` and ``text`` (a file, a template), ``shelf``
(all files), ``language``, ``filters``, ``formats`` and ``limits`` (what templates may say, and what it may cost),
``variables`` (what they see), ``catalogue`` (words, or the next best), ``templates`` (others over them), ``digest``
(many as one), ``check`` (what is wrong before it matters).
"""

from daemon.planning.catalogue.catalogue import BODY_LIMIT, TEXT_LIMIT, TITLE_LIMIT, Catalogue
from daemon.planning.catalogue.digest import Entry
from daemon.planning.catalogue.message import BrokenMessage
from daemon.planning.catalogue.shelf import Needs

__all__ = ["BODY_LIMIT", "TEXT_LIMIT", "TITLE_LIMIT", "BrokenMessage", "Catalogue", "Entry", "Needs"]
