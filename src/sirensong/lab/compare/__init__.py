"""The schemes of Table 4 and ours on the same pictures, in one report."""
