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

"""What a compute manager asks of the driver, as a list that can be compared.

Real services of Nova and the layer of the walks are held against each other
with it.
"""

import functools
import inspect

import fixtures as fx
from nova.network import model as network_model
from nova import objects

from nova_powervm.virt.powervm import driver

#: Methods that do something with a server.
_METHODS = (
    'spawn', 'destroy', 'cleanup', 'power_on', 'power_off', 'reboot',
    'rebuild', 'rescue', 'unrescue', 'snapshot',
    'migrate_disk_and_power_off', 'finish_migration', 'confirm_migration',
    'finish_revert_migration', 'attach_volume', 'detach_volume',
    'extend_volume', 'swap_volume', 'attach_interface', 'detach_interface',
    'plug_vifs', 'unplug_vifs', 'resume_state_on_host_boot',
    'get_volume_connector')
#: Arguments that the layer has something else for. The driver takes no notice
#: of what placement has allocated, nor of shares of Manila, which it refuses.
_NOT_COMPARED = ('self', 'context', 'allocations', 'share_info')


class Trace(fx.Fixture):
    """Records calls to the driver.

    :ivar calls: list of str, one for each call: the name of the method, its
        arguments by their names, and what it raised
    """

    def __init__(self):
        super().__init__()
        self.calls = []

    def _setUp(self):
        for name in _METHODS:
            self.useFixture(fx.MockPatchObject(
                driver.PowerVMDriver, name,
                self._record(getattr(driver.PowerVMDriver, name))))

    def take(self):
        """Return the calls so far, and forget them."""
        taken, self.calls[:] = list(self.calls), []
        return taken

    def _record(self, method):
        signature = inspect.signature(method)

        @functools.wraps(method)
        def recorded(*args, **kwargs):
            # What the driver calls of itself is no matter of Nova's.
            if inspect.currentframe().f_back.f_globals is vars(driver):
                return method(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            shapes = ['%s=%s' % (name, _shape(value))
                      for name, value in bound.arguments.items()
                      if name not in _NOT_COMPARED]
            call = '%s(%s)' % (method.__name__, ', '.join(shapes))
            place = len(self.calls)
            self.calls.append(call)
            try:
                return method(*args, **kwargs)
            except Exception as exc:
                self.calls[place] += ' raised ' + type(exc).__name__
                raise
        return recorded


def _shape(value):
    """Tell what an argument is like, without what differs by chance."""
    if isinstance(value, objects.Instance):
        return '<%s, %s>' % (value.vm_state, value.task_state)
    if isinstance(value, network_model.NetworkInfo):
        return '<%d ports>' % len(value)
    if isinstance(value, network_model.NetworkInfoAsyncWrapper):
        return '<%d ports>' % len(list(value))
    if isinstance(value, network_model.VIF):
        return '<port>'
    if isinstance(value, dict):
        # Of images and connections, the keys.
        if 'block_device_mapping' in value:
            return '{%s}' % ', '.join('%s: %s' % (key, _block_device(found))
                                      for key, found in sorted(value.items()))
        return '{%s}' % ', '.join(sorted(value))
    if value is None or isinstance(value, bool):
        return str(value)
    return '<%s>' % type(value).__name__


def _block_device(value):
    """Tell what an item of a block_device_info is like."""
    if isinstance(value, list):
        return '[%s]' % '; '.join(' '.join(
            key for key in sorted(item) if item[key] is not None)
            for item in value)
    if isinstance(value, dict):
        return '{%s}' % ' '.join(sorted(value))
    return '<%s>' % type(value).__name__
