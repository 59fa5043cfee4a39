"""HiNet: one picture in one, by an invertible network on Haar bands (Jing et al., ICCV 2021)."""
