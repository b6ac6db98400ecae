"""Steps of a study of conditions."""
