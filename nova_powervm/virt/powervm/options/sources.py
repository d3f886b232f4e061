#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.

"""What the configuration files and the environment set in group [powervm].

oslo.config ignores options that nobody has registered. So this module reads
the files again.
"""

import glob
import os

from oslo_config import cfg

_GROUP = 'powervm'
_VARIABLE = 'OS_POWERVM__'


def read(conf):
    """Read the options of the group as they are written.

    :param conf: an oslo.config ConfigOpts, which has been read.
    :returns: dict of name -> str, its last value.
    """
    found = {}
    for path in _files(conf):
        for group, options in _parse(path).items():
            if group.lower() == _GROUP:
                found.update({name: values[-1]
                              for name, values in options.items()})
    found.update({name[len(_VARIABLE):].lower(): value
                  for name, value in os.environ.items()
                  if name.startswith(_VARIABLE)})
    return found


def _files(conf):
    """Return the paths of the configuration files: list of str."""
    try:
        files, folders = conf.config_file, conf.config_dir
    except cfg.NoSuchOptError:
        # Nobody has read the configuration, as in tests.
        return []
    return [*(files or ()), *(
        path for folder in folders or ()
        for path in sorted(glob.glob(os.path.join(folder, '*.conf'))))]


def _parse(path):
    """Return the sections of a file: dict of dicts of lists of str."""
    sections = {}
    try:
        cfg.ConfigParser(path, sections).parse()
    except (OSError, ValueError, cfg.ParseError):
        # oslo.config could read it a moment ago.
        return {}
    return sections
