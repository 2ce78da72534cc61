"""What a text costs, and how it is made to cost no more: segments, plain letters, fewer words. Never raises."""

from daemon.planning.sms.alphabet import Encoding, Segments, parts, segments
from daemon.planning.sms.fit import Fitted, fitted
from daemon.planning.sms.plain import transliterated

__all__ = ["Encoding", "Fitted", "Segments", "fitted", "parts", "segments", "transliterated"]
