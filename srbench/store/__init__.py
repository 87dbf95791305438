"""The cache: where files are kept, hashes, assets, downloads, archives, backbones, weights."""
