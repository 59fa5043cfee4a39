"""Every scheme on the same pictures, by the same measures: for `sirensong compare`.

`entries` says which schemes stand in which table, `measures` what is measured of a set of pictures,
`tables` what is shown of it. Results are kept and resumed as those of the paper's experiments are.
"""
