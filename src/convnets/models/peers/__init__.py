"""Other libraries' readings of the papers' networks, one file per paper, so that their weights can be used.

None of these is the paper's network; each file numbers what differs. The papers' own files do not know them.
"""
