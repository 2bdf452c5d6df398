"""Pages: what students and teachers see in a browser. `routers` are what the application mounts."""
