"""Pages of the desk: get the object through `inbox`, call one action of `actions`, show the result."""
