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

"""The part of the control API for what an operator does to a host."""

from nova_powervm.simulator.resources import partition


class OperatorControl:
    """The actions on partitions, VIOSes, storage and mappings.

    Each takes the checked data of a request and returns the result. The caller
    holds the lock of the site.

    :param host: host.Host
    """

    def __init__(self, host):
        self._operator = host.operator
        self._migrations = host.site.migrations
        self.actions = {
            'set_rmc': self._set_rmc,
            'set_partition_state': self._set_partition_state,
            'vios_down': self._vios_down,
            'vios_up': self._vios_up,
            'open_console': self._open_console,
            'close_console': self._close_console,
            'type_on_console': self._type_on_console,
            'hold_migration': self._hold_migration,
            'release_migration': self._release_migration,
        }
        for name in ('create_disk', 'create_medium', 'create_logical_unit',
                     'create_partition', 'set_sriov_port',
                     'set_sriov_adapter'):
            self.actions[name] = self._making(name)
        for name in ('delete_disk', 'delete_medium', 'delete_logical_unit',
                     'delete_partition', 'unmap_storage',
                     'keep_logical_ports'):
            self.actions[name] = self._unmaking(name)
        self.actions['map_storage'] = self._map_storage

    # -- state of partitions ----------------------------------------------

    def _set_rmc(self, data):
        target = self._operator.partition(data['partition'])
        target.set_rmc(data['state'])
        return target.state_base()

    def _set_partition_state(self, data):
        target = self._operator.partition(data['partition'])
        change = {partition.OFF: target.halted,
                  partition.RUNNING: target.booted,
                  partition.ERROR: target.crashed}.get(data['state'])
        if change is None:
            target.set_state(data['state'])
        else:
            change()
        return target.state_base()

    def _vios_down(self, data):
        target = self._operator.vios(data['partition'])
        target.halted()
        return target.state_base()

    def _vios_up(self, data):
        target = self._operator.vios(data['partition'])
        target.booted()
        return target.state_base()

    def _open_console(self, data):
        self._operator.partition(data['partition']).console.open()
        return {}

    def _close_console(self, data):
        self._operator.partition(data['partition']).console.close()
        return {}

    def _type_on_console(self, data):
        self._operator.partition(data['partition']).console.type(
            data['text'].encode())
        return {}

    def _hold_migration(self, data):
        target = self._operator.partition(data['partition'])
        self._migrations.hold(target.uuid, data['phase'])
        return {'uuid': target.uuid}

    def _release_migration(self, data):
        target = self._operator.partition(data['partition'])
        return {'phase': self._migrations.release(target.uuid)}

    # -- objects to create and delete -------------------------------------

    @staticmethod
    def _arguments(data):
        """Make the arguments of a method of the Operator."""
        found = {}
        for key, value in data.items():
            if key == 'content':
                value = value.encode()
            elif key in ('disk', 'medium'):
                value = OperatorControl._arguments(value)
            if key != 'action':
                found[key] = value
        return found

    def _making(self, name):
        def act(data):
            return getattr(self._operator, name)(
                **self._arguments(data)).state()
        return act

    def _unmaking(self, name):
        def act(data):
            getattr(self._operator, name)(**self._arguments(data))
            return {}
        return act

    def _map_storage(self, data):
        target = self._operator.map_storage(**self._arguments(data))
        return dict(target.bus.slots_state(), **target.state())
