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

"""Choose the managed system: an HMC manages several."""

import re

from nova_powervm.virt.powervm import exception

_UUID = re.compile('[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}')


def is_uuid(text):
    """Return whether an option is the UUID of a system."""
    return bool(_UUID.fullmatch(text or ''))


def choose(systems, wanted, url):
    """Return the system that this nova-compute manages.

    :param systems: list of System wrappers, all that the REST server manages.
    :param wanted: str, its UUID, its type, model and serial number as in
        8286-42A*21ABCDE, or its name, in this order; None for the only one.
    :param url: str, of the REST server.
    :returns: System wrapper
    :raises ManagedSystemCount: if there is not exactly one, and none is
        wanted.
    :raises ManagedSystemNotFound: if there is none of that name.
    :raises ManagedSystemAmbiguous: if several have that name.
    :raises ManagedSystemNotMaster: if another console may change it, and this
        one may not.
    """
    found = systems
    if wanted:
        found = _find(systems, wanted)
        if not found:
            raise exception.ManagedSystemNotFound(
                url=url, wanted=wanted, systems=_describe(systems))
        if len(found) > 1:
            raise exception.ManagedSystemAmbiguous(
                wanted=wanted, systems=_describe(found))
    elif len(systems) != 1:
        raise exception.ManagedSystemCount(
            url=url, count=len(systems), systems=_describe(systems))
    if not found[0].session_is_master:
        raise exception.ManagedSystemNotMaster(
            url=url, systems=_describe(found))
    return found[0]


def _find(systems, wanted):
    """Return the systems that an option names, UUIDs first."""
    for identity in (lambda system: system.uuid.lower(),
                     lambda system: system.mtms.mtms_str.lower()):
        found = [system for system in systems
                 if identity(system) == wanted.lower()]
        if found:
            return found
    return [system for system in systems if system.system_name == wanted]


def _describe(systems):
    """Tell what the option can be for each system: sorted list of str."""
    names = [system.system_name for system in systems]
    return sorted(system.system_name if names.count(system.system_name) == 1
                  else system.mtms.mtms_str for system in systems)
