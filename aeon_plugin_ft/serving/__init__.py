"""From a version to an answer: backends, deployments, routes and the swap between them."""
