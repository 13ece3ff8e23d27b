"""What the tables share: one metadata, names of constraints, and the columns that recur.

Times are milliseconds since the Unix epoch.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

KEY: Final = BigInteger().with_variant(Integer, "sqlite")

TEXT: Final = Text().with_variant(Text(collation="C"), "postgresql")
"""A text, sorted by code point as in SQLite, whatever the language of the database."""


def key() -> Column[int]:
    """The row's own key."""
    return Column("id", KEY, primary_key=True, autoincrement=True)


def ref(name: str, target: str, *, nullable: bool = False, ondelete: str = "CASCADE") -> Column[int]:
    """The key of a row in another table; the row goes with it unless `ondelete` says otherwise."""
    return Column(name, KEY, ForeignKey(target, ondelete=ondelete), nullable=nullable)


def half_of_key(name: str, target: str) -> Column[int]:
    """A part of a composite primary key that refers to another table."""
    return Column(name, KEY, ForeignKey(target, ondelete="CASCADE"), primary_key=True)


def time(name: str, *, nullable: bool = False) -> Column[int]:
    """A moment."""
    return Column(name, BigInteger, nullable=nullable)
