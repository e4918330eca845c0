"""Reading foreign checkpoints safely, fitting them to modules, and our own model format.

`read` (over `safetensors_file`, `torch_file`, `unpickle`) gives the tensors of a foreign file,
`text_file` the configuration beside it. `remap` fits tensors to a module, `store` keeps models.
"""
