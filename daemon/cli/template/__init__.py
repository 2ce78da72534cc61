"""``orderbell template``: words that staff have written, over those of the catalogues."""
