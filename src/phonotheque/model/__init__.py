"""Values, errors and findings that every room shares. No input, no output, no clock."""
