"""What stands on a disk: durable writes, locks, the tree of an archive, digests of files."""
