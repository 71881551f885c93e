"""One function a command: no parsing, no printing."""
