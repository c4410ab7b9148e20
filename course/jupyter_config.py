"""JupyterLab's settings in the course: this machine only, nothing fetched from the network.

Jupyter executes this file; ``get_config`` is given by it. The token comes in ``JUPYTER_TOKEN``, out of sight of ``ps``.
"""

import os
from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port_retries = 0  # the launcher has chosen the port and says so
c.ServerApp.open_browser = False
c.ServerApp.allow_root = os.name == "posix" and os.geteuid() == 0
c.ServerApp.quit_button = False
c.LabApp.news_url = None
c.LabApp.app_settings_dir = str(Path(__file__).with_name("jupyter_settings"))  # nobody is asked about news
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
