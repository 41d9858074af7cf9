"""The documents that cross the border: what may be asked (`…In`), what is answered (`…Out`).

They say what `--json` says on the command line (`schemas/`), without the paths of the registry's
machine.
"""
