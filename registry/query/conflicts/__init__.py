"""Where claims contradict each other: between versions that hold the same texts, and within one.

`pairs` compares two versions as their claims are now, `inside` the claims about one version, and
`listing` numbers what was found. Nobody's claim is changed by any of it.
"""
