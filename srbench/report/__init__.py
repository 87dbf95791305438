"""What people look at: one self-contained page made from runs, its plots, and the picture that compares methods."""
