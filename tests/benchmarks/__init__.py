"""The benchmarks that are tests as well."""
