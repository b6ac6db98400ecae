"""Readers of files, one format a module, and what recognises them."""
