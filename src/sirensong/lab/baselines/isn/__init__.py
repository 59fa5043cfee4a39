"""ISN: several pictures in one, by one invertible network (Lu et al., CVPR 2021)."""
