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

"""Start servers in flows. With IBM i, tag the load source before.

No other module adds the tasks that start a server, so none can forget the tag.
"""

import functools

from nova.virt import driver as virt_driver

from nova_powervm.virt.powervm.disk import driver as disk_driver
from nova_powervm.virt.powervm.disk import paths as disk_paths
from nova_powervm.virt.powervm import flavor as flavors
from nova_powervm.virt.powervm.flows import console
from nova_powervm.virt.powervm import load_source
from nova_powervm.virt.powervm.tasks import load_source as tf_load
from nova_powervm.virt.powervm.tasks import vm as tf_vm
from nova_powervm.virt.powervm import volume

_BOOT = disk_driver.DiskType.BOOT


def add_power_on(flow, services, instance, block_device_info, opts=None,
                 restart=False, disk_type=_BOOT, swapped=None):
    """Start a server.

    :param block_device_info: as Nova passes it to the driver, or None.
    :param opts: pypowervm PowerOnOpts, or None.
    :param restart: whether to restart the server if it is on.
    :param disk_type: DiskType that IBM i boots from: the boot disk (or the
        volume that replaces it) or the rescue disk.
    :param swapped: (old, new), InstanceVolumes of a volume and of the volume
        with which the flow has replaced it; or None.
    """
    console.add_keep_log(flow, services, instance)
    source = _build_source(services, instance, block_device_info, disk_type,
                           swapped)
    if source is None:
        return flow.add(tf_vm.PowerOn(services.host, instance, opts=opts,
                                      restart=restart))
    return flow.add(tf_load.PowerOn(services.host, instance, source, opts=opts,
                                    restart=restart))


def add_power_back_on(flow, services, instance, block_device_info,
                      always=False):
    """Start a server again if the flow fails.

    :param block_device_info: as Nova passes it to the driver, or None.
    :param always: whether to start it even if it is off when the task begins.
    """
    source = _build_source(services, instance, block_device_info)
    if source is None:
        return flow.add(tf_vm.PowerBackOn(services.host, instance,
                                          always=always))
    return flow.add(tf_load.PowerBackOn(services.host, instance, source,
                                        always=always))


def add_reboot(flow, services, instance, block_device_info, hard):
    """Restart a server, or start it if it has gone off by itself.

    :param block_device_info: as Nova passes it to the driver, or None.
    :param hard: whether to restart it without asking the guest.
    """
    console.add_keep_log(flow, services, instance)
    source = _build_source(services, instance, block_device_info)
    if source is None:
        return flow.add(tf_vm.Reboot(services.host, instance, hard=hard))
    return flow.add(tf_load.Reboot(services.host, instance, source, hard=hard))


def _build_source(services, instance, block_device_info, disk_type=_BOOT,
                  swapped=None):
    """Return the LoadSource of a server with IBM i, or None."""
    if not flavors.is_ibmi(instance):
        return None
    volumes = volume.build_root(
        services.host, instance,
        virt_driver.block_device_info_get_mapping(block_device_info))
    if not volumes or disk_type != _BOOT:
        return load_source.LoadSource(
            services.host, instance, functools.partial(
                disk_paths.client_slots, services.disk, instance,
                disk_type))
    if swapped is not None and swapped[0].ids == volumes.ids:
        volumes = swapped[1]
    return load_source.LoadSource(services.host, instance,
                                  volumes.client_slots, xag=volumes.xag)
