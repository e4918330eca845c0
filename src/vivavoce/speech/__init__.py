"""The flow itself: text in, guarded and joined speech out."""
