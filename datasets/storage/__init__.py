"""Object storage: places in a bucket that are read and written as files are, and who may write there."""
