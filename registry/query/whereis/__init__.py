"""Where a text comes from: exact, near and passage matches, and what is known of each.

A question (`question`) is looked up in the index (`search`); of the texts that match, `occurrences`
says where they are and `facts` where they stand, with both `sides` of a conflict; shared passages
are compared on the texts where these are at hand (`texts`, `shared`); `answer` is the document
that is printed and served. `Finder` keeps between questions what a server asks for often.
"""
