"""The catalogue's database: rows, types, engines and sessions."""
