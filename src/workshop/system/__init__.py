"""The operating system: files, environment variables, ports, signals and packages."""
