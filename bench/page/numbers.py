"""Numbers as people read them."""


def number(value: float) -> str:
    """``12,345``, ``12.3``, ``0.123``: three figures where it is small."""
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    if value == 0:
        return "0"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
