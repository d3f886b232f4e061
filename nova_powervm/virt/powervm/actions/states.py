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

"""Return the power states of servers to Nova."""

from nova.compute import power_state
from nova.virt import hardware
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc

from nova_powervm.virt.powervm import startup
from nova_powervm.virt.powervm import vm

LOG = logging.getLogger(__name__)


class States:
    """Returns power states; while nova-compute starts, reads all together.

    :param host: the owner of the REST connection (host.Host).
    """

    def __init__(self, host):
        self._host = host
        # None once nova-compute has started.
        self._at_start: startup.PowerStates | None = (
            startup.PowerStates(host))

    def end_start(self):
        """From now on, read the state of each server on its own."""
        self._at_start = None

    def get_info(self, instance, use_cache=True):
        """Return the power state; NOSTATE while the platform does not answer.

        Nova also asks after a spawn. If this raised, Nova would forget on
        which host the server is.

        :param use_cache: whether a state that the driver knows is recent
            enough.
        :returns: nova.virt.hardware.InstanceInfo
        :raises nova.exception.InstanceNotFound: if there is no LPAR.
        """
        if self._at_start is not None:
            use_cache = self._at_start.are_known() or use_cache
        try:
            return vm.get_vm_info(self._host, instance, use_cache=use_cache)
        except pvm_exc.Error as exc:
            return unknown(instance, exc)

    def is_on(self, instance):
        """Return whether a server is on, or has crashed.

        Nova does not count a server that has crashed as on, but it is not off.
        """
        return (self.get_info(instance, use_cache=False).state !=
                power_state.SHUTDOWN or not vm.is_off(self._host, instance))


def unknown(instance, reason):
    """Return an InstanceInfo without a state, and log why.

    :param reason: exception
    """
    LOG.warning('The power state is not known: %s', reason, instance=instance)
    return hardware.InstanceInfo(state=power_state.NOSTATE)
