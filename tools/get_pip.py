# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the get-pip.py that ansible-test would download: Python's own ensurepip, then the version asked for.

ansible-test takes it from its cache folder, where tools/sanity puts it; package indexes are then all that is needed.
"""

from __future__ import annotations

import os
import subprocess
import sys

# ansible-test names this script there, and its wrapper would run it again in place of pip.
os.environ.pop("GET_PIP", None)
options = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *options], check=True)
