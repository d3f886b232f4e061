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

"""The services that one driver's flows work with."""

import dataclasses
import typing

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm import host as pvm_host
from nova_powervm.virt.powervm import media
from nova_powervm.virt.powervm import mgmt as pvm_mgmt
from nova_powervm.virt.powervm.nvram import manager
from nova_powervm.virt.powervm import slot


@dataclasses.dataclass(frozen=True)
class Rooms:
    """Made by PowerVMDriver.init_host, handed to the flow builders.

    :ivar virtapi: Nova's VirtAPI, to wait for events of Neutron.
    :ivar host: the owner of the REST connection.
    :ivar disk: the ephemeral disk adapter that disk_driver names.
    :ivar config_drive: the maker of config drives.
    :ivar mgmt: the management partition's devices.
    :ivar slots: the slot maps of servers; None without a store for them.
    :ivar nvram: what keeps the NVRAM of servers; None without a store.
    """

    virtapi: typing.Any
    host: pvm_host.Host
    disk: disk_driver.DiskAdapter
    config_drive: media.ConfigDrive
    mgmt: pvm_mgmt.ManagementPartition
    slots: typing.Optional[slot.SlotMaps] = None
    nvram: typing.Optional[manager.NvramManager] = None
