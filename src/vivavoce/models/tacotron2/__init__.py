"""Tacotron 1 and 2: attention decides, frame by frame, what of the text is said."""
