# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""The PEP 517 build backend: pbr's, and two files at the wheel's root.

Nova loads compute drivers from below ``nova.virt`` only. The import hook
that answers for ``nova.virt.powervm_ext`` is started by a .pth file, which
has to lie in the root of site-packages. Neither pbr nor setuptools can put
it there for both ``pip install .`` and ``pip install -e .``, so it is added
to the finished wheel, by the wheel format alone: the files, and their lines
in RECORD, by which pip removes them again.

It also finds a version where pbr finds none: in a clone of depth 1 without a
tag (0.0.0 says pbr) and in an archive of the tree (pbr gives up).
"""

import base64
import configparser
import hashlib
import os
import zipfile

from pbr import build
from pbr.build import *  # noqa: F401,F403 (the other hooks, as they are)
from pbr import packaging

# An editable wheel gets a copy of the module too: so a checkout that moved
# does not make every start of the interpreter complain.
HOOK_FILES = ('_nova_powervm_hook.py', 'nova_powervm_hook.pth')


def build_wheel(wheel_directory, config_settings=None,
                metadata_directory=None):
    """Build the wheel; return its file name."""
    name = build.build_wheel(
        wheel_directory, config_settings, metadata_directory)
    _add_hook(os.path.join(wheel_directory, name))
    return name


def build_editable(wheel_directory, config_settings=None,
                   metadata_directory=None):
    """Build the wheel of an editable install; return its file name."""
    name = build.build_editable(
        wheel_directory, config_settings, metadata_directory)
    _add_hook(os.path.join(wheel_directory, name))
    return name


def _record_line(name, content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return b'%s,sha256=%s,%d\n' % (
        name.encode(), digest.rstrip(b'='), len(content))


def _add_hook(path):
    """Rewrite the wheel at path with HOOK_FILES in it."""
    record = b''
    with (zipfile.ZipFile(path) as old,
          zipfile.ZipFile(path + '.new', 'w', zipfile.ZIP_DEFLATED) as new):
        for name in HOOK_FILES:
            with open(name, 'rb') as source:
                content = source.read()
            new.writestr(name, content)
            record += _record_line(name, content)
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith('.dist-info/RECORD'):
                content = record + content
            new.writestr(entry, content)
    os.replace(path + '.new', path)


def _ensure_version():
    """Let pbr use the next release's first pre-version if it knows none."""
    config = configparser.ConfigParser()
    config.read('setup.cfg')
    metadata = config['metadata']
    try:
        version = packaging.get_version(metadata['name'], metadata['version'])
    except Exception:  # pbr raises no narrower one
        version = '0.0.0'
    if version == '0.0.0':
        os.environ['PBR_VERSION'] = metadata['version'] + '.dev0'


# Each hook runs in a fresh process, and each one asks for the version.
_ensure_version()
