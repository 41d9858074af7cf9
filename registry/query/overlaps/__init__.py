"""What other versions have of the documents of one, and what both sides say about them.

`sides` says what the claims about a version make of some of its rows; `differences` compares two
sides text by text; `finding` goes through the index; `records` are the answers as documents.
Nobody's claims are changed by any of it.
"""
