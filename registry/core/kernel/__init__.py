"""The loops of `registry.core.sketch`, compiled by numba; nobody else imports them."""
