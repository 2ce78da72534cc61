"""Errors of the schema's side.

::

    SchemaError (RuntimeError)
    ├── NotAllowed       this role may not use the schema
    ├── Refused          what install or uninstall will not do, each reason a line
    └── VersionMismatch  the database's schema is not the one this program knows
"""


class SchemaError(RuntimeError):
    """Something about the schema ``orderbell`` that a person must mend."""


class Refused(SchemaError):
    """``install`` or ``uninstall`` would do harm or cannot work; ``reasons`` has one line each."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


class NotAllowed(SchemaError):
    """The role that this program connects as has no rights on the schema; the message says which role has."""


class VersionMismatch(SchemaError):
    """The schema's version in the database is not this program's."""
