"""Image files in and out, tensors from and to pictures, LR from HR."""
