"""What stands between the network and the page: what is served, to whom, and how it stops."""
