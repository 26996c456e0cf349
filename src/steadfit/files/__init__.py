"""What is kept on disk: no code in any file, and each whole or not there."""
