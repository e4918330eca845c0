"""UnivNet: noise through convolutions whose kernels are made from the mel."""
