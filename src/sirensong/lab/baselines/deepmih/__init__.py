"""DeepMIH: secrets one after another, each by an invertible network (Guan et al., TPAMI 2022)."""
