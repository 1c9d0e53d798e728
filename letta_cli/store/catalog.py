"""Which tables a database has, in an order in which they can be filled."""

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from letta_cli.store.database import Database

_NOT_COPIED = ("migration", "search_index", "search_vector")

_COLUMNS = {
    "sqlite": (
        "SELECT m.name, c.name, c.pk FROM sqlite_schema m JOIN pragma_table_info(m.name) c"
        " WHERE m.type = 'table' ORDER BY m.name, c.cid"
    ),
    "postgresql": (
        "SELECT t.relname, a.attname, coalesce(array_position(i.indkey::int2[], a.attnum), -1) + 1"
        " FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid"
        " LEFT JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary"
        " WHERE t.relkind = 'r' AND t.relnamespace = current_schema()::regnamespace"
        " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY t.relname, a.attnum"
    ),
}
"""Table, column, and its place in the primary key counted from 1, or 0."""

_REFERENCES = {
    "sqlite": (
        'SELECT m.name, f."table" FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f'
        " WHERE m.type = 'table'"
    ),
    "postgresql": (
        "SELECT t.relname, o.relname FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid"
        " JOIN pg_class o ON o.oid = k.confrelid"
        " WHERE k.contype = 'f' AND t.relnamespace = current_schema()::regnamespace"
    ),
}
"""Table, and another that it refers to."""


@dataclass(frozen=True, slots=True)
class Table:
    """Attributes:
    key: the columns of its primary key, in order.
    """

    name: str
    columns: Sequence[str]
    key: Sequence[str]


def tables(database: Database) -> list[Table]:
    """The tables that hold data: each after those that it refers to.

    The record of migrations, the full-text index and the vectors are left out: every database
    makes its own.
    """
    columns: dict[str, list[str]] = {}
    keys: dict[str, dict[int, str]] = {}
    for table, column, place in database.query(_COLUMNS[database.driver]):
        # FTS5 keeps its index in tables of its own.
        if table.startswith(_NOT_COPIED) or table.startswith("sqlite_"):
            continue
        columns.setdefault(table, []).append(column)
        if place:
            keys.setdefault(table, {})[place] = column
    before: dict[str, set[str]] = {table: set() for table in sorted(columns)}
    for table, other in database.query(_REFERENCES[database.driver]):
        if table in before and other != table:
            before[table].add(other)
    return [
        Table(name, columns[name], [keys[name][place] for place in sorted(keys[name])])
        for name in TopologicalSorter(before).static_order()
    ]
