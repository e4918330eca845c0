"""The one door for weights: catalogue and addresses, downloads, safe reading, our own format.

`catalog`, `source`, `cache`, `download` and `fetch` bring files here and do not import torch;
`checkpoint` (over `pickles`, `machine`, `inert`) reads foreign ones without running anything in
them, `adapt` fits them to a module, `store` is how we keep them.
"""
