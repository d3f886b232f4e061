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

"""Makes ``nova.virt.powervm_ext`` importable, without touching Nova's files.

Nova prefixes ``[DEFAULT]compute_driver`` with ``nova.virt.``, so the
documented ``powervm_ext.driver.PowerVMDriver`` needs a package of that name.
``nova_powervm_hook.pth`` calls install() at every start of the interpreter:
keep this module small, and without imports of its own that cost time.
"""

import sys

NAME = 'nova.virt.powervm_ext'
SHIM = 'nova_powervm._ext'


class ShimFinder:
    """A meta path finder that knows one name."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        """Answer for NAME with the package SHIM, wherever that lies.

        :param fullname: (str) the absolute name of the module to import.
        :param path: the parent's __path__, not used.
        :param target: not used.
        :returns: a ModuleSpec, or None for every other name.
        :raises ModuleNotFoundError: nova_powervm is not importable.
        """
        if fullname != NAME:
            return None
        from importlib import util
        shim = util.find_spec(SHIM)
        if shim is None:
            return None
        return util.spec_from_file_location(
            fullname, shim.origin,
            submodule_search_locations=list(shim.submodule_search_locations))


def install():
    """Register the finder, last in line and once only."""
    if ShimFinder not in sys.meta_path:
        sys.meta_path.append(ShimFinder)
