"""What Orderbell is told: the model, how it is read, and the presets and messages that ship with it.

``load(path)`` is the way in; everything else takes the :class:`Settings` it returns, or a part of it.
"""

from config.errors import ConfigError, Mistake
from config.load import load
from config.settings import Settings

__all__ = ["ConfigError", "Mistake", "Settings", "load"]
