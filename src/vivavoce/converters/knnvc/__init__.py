"""kNN-VC: every frame becomes the mean of the target's nearest ones."""
