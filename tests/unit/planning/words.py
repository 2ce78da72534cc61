"""The messages that ship, as the planner has them."""

from config import Settings


def settings() -> Settings:
    return Settings()
