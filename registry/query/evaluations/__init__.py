"""What of a version resembles the items of evaluation sets, so that recipes can leave it out.

The data flow: the versions with the role, or those that a recipe names → the texts of a source,
read once and compared with all of them (`meeting`), what was found is kept → which documents are
left out, and how many for which set and why (`excluding`).
"""
