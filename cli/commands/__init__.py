"""One module per verb or noun; `cli.main` imports each only when it is called."""
