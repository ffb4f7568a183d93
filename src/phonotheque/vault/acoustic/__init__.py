"""What sounds the same: fingerprints in their encoded form, and the index that finds them."""
