"""Documents to YAML files and back: order, names, quoting, ownership, publishing. Trees, not kinds."""
