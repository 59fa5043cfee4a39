"""HiDDeN, with pictures where its authors have bits (Zhu et al., ECCV 2018)."""
