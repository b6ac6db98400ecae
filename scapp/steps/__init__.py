"""What combines rooms: the steps that a run or a command carries out, from stored inputs to stored results."""
