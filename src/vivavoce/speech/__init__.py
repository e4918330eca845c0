"""The flow itself: text in, guarded and joined speech out. Knows no model family by name."""
