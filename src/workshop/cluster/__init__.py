"""`./workshop cluster`: several workers, each as on a host of its own, on this machine."""
