"""Values and rules: no SQL, no files, no network, no clock."""
