"""The thesis's four training steps, and the loop that all of them share."""
