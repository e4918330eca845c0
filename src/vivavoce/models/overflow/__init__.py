"""Neural HMMs and OverFlow: hidden states in the order of the text, a frame at a time."""
