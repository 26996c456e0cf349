"""What every room may use: errors, whole-or-nothing files, the cache folder, progress bars."""
