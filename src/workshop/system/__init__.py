"""The machine: files, environment variables, ports, signals, and packages of the operating system."""
