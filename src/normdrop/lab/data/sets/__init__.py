"""One data set, one file: adding one here is all it takes."""
