"""Lessons: what they consist of, what was prepared for them, and what a student has done."""
