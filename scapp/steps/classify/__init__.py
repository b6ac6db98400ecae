"""Steps that train, apply and compare cell-type classifiers."""
