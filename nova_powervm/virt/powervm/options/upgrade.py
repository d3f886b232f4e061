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

"""What an operator should know before an upgrade, as nova-status tells it.

It reads the configuration and what is installed. It asks neither the platform
nor Nova.
"""

from importlib import metadata
from importlib import util
import os

from nova import exception as nova_exc
from nova.virt import node
from oslo_upgradecheck import upgradecheck

from nova_powervm import _ext
from nova_powervm.virt.powervm.options import static

#: The first release of Nova that this driver runs with, and the last one that
#: the tests have run with.
_NOVA_FIRST, _NOVA_TRIED = 34, 34
_SHIM = 'nova.virt.powervm_ext'


class Checks(upgradecheck.UpgradeCommands):
    """The checks of ``nova-powervm upgrade check``."""

    def nova_release(self):
        """Check which release of Nova is installed."""
        found = metadata.version('nova')
        release = int(found.split('.')[0])
        if release < _NOVA_FIRST:
            return _failure('Nova %s is installed; this driver needs %d.0.0 '
                            'or later.' % (found, _NOVA_FIRST))
        if release > _NOVA_TRIED:
            return _warning('Nova %s is installed; the tests of this driver '
                            'have run with Nova %d.' % (found, _NOVA_TRIED))
        return _success()

    def driver_name(self):
        """Check that Nova will load this driver, and no older one."""
        spec = util.find_spec(_SHIM)
        if spec is None:
            return _failure(
                '%s cannot be imported: install nova-powervm with pip in the '
                'environment of nova-compute.' % _SHIM)
        if os.path.realpath(spec.origin or '') != os.path.realpath(
                _ext.__file__):
            return _failure('%s is of another nova-powervm: remove it.' %
                            spec.origin)
        return _success()

    def options(self):
        """Check the options in [powervm]."""
        found = [str(problem) for problem in static.problems()]
        return _failure(' '.join(found)) if found else _success()

    def compute_id(self):
        """Check that this host will keep its UUID."""
        try:
            found = node.read_local_node_uuid()
        except nova_exc.InvalidNodeConfiguration as exc:
            return _failure(str(exc))
        if found is None:
            return _warning(
                'There is no file compute_id. nova-compute makes one on a '
                'host that is new to Nova, and may refuse to start on '
                'another. If Nova knows this host, write its UUID there.')
        return _success()

    _upgrade_checks = (
        ('Release of Nova', nova_release),
        ('Name of the driver', driver_name),
        ('Options in [powervm]', options),
        ('UUID of the host', compute_id),
    )


def _success():
    return upgradecheck.Result(upgradecheck.Code.SUCCESS)


def _warning(details):
    return upgradecheck.Result(upgradecheck.Code.WARNING, details)


def _failure(details):
    return upgradecheck.Result(upgradecheck.Code.FAILURE, details)
