"""Training images: finding, decoding and cropping them into batches."""
