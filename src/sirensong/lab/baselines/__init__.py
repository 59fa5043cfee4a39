"""The schemes that the paper compares itself with in Table 4, and more, each with the same verbs.

Each is built from its description, in a folder of its own, with a README that says from which one
and where ours deviates. `find_method` opens one by its name.
"""
