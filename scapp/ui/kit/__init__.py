"""What every page shares: state, forms, live runs, widgets, routing, the one broad catch."""
