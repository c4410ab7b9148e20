"""What starts the course on this machine: the sandbox, the site and JupyterLab together."""
