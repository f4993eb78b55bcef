"""A floor of agents at the desk who do everything that goes wrong on a bad day: see `__main__`."""
