"""What plugins offer: loading them, looking names up, model files, who is to blame."""
