"""Training images: found, decoded, cropped into batches."""
