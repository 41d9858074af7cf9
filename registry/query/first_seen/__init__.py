"""When texts were first seen: the earliest date that any version with the same bytes claims.

The data flow: the texts of a version, each once → the rows of all dated versions that hold the same
bytes, from the content index (`finding`) → what is claimed of those rows → the earliest of it →
what that adds up to (`report`), by a field of the data too (`groups`). A text that is only similar
lends no date, whatever its similarity.
"""
