"""Runs on disk: folders, checkpoints, snapshots."""
