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

"""Edits of the documents of VIOSes for config drives."""

from pypowervm.wrappers import storage as pvm_stg

from nova_powervm.virt.powervm import names
from nova_powervm.virt.powervm.storage import clients
from nova_powervm.virt.powervm.storage import elements
from nova_powervm.virt.powervm.storage import vios_mappings
from nova_powervm.virt.powervm.storage import volumegroup
from nova_powervm.virt.powervm import vm


def map_again(vios_w, group, lpar_uuid, element, device_address):
    """Edit: map a medium to a partition if it exists and is not mapped yet."""
    if (vios_mappings.find_mapping(vios_w, lpar_uuid, pvm_stg.VOptMedia,
                                   element.name) or
            not volumegroup.has_media(group.read(), element.name)):
        return None
    return vios_mappings.add_mapping(vios_w, lpar_uuid, element,
                                     device_address)


def unmap(vios_w, name):
    """Edit: unmap a config drive from its server, or from an LPAR now gone.

    Somebody may have put it into the drive of another LPAR. That mapping
    stays.

    :returns: list of the mappings that were removed.
    """
    return vios_mappings.remove_mappings(vios_w, lambda mapping: (
        elements.is_named(mapping.backing_storage, pvm_stg.VOptMedia, [name])
        and not is_lent(mapping, name)))


def is_lent(mapping, name):
    """Return whether a mapping is for an LPAR other than the server's.

    An adapter for any client belongs to an operator.
    """
    client = clients.client(mapping)
    if client is None:
        return clients.is_for_any_client(mapping)
    return name not in map(names.config_drive_name, vm.instance_uuids(client))
