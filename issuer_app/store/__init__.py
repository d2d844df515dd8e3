"""One SQLite file: schema, migrations and the one way of reading and writing it."""
