"""The HTTP interface: what the catalogue holds, as JSON, to read."""
