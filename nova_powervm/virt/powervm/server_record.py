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

"""Store with a server, before its LPAR is created, what outlives the LPAR."""

from nova import exception as nova_exc

from nova_powervm.virt.powervm import host_record
from nova_powervm.virt.powervm import instance_id


def keep(host, instance):
    """Store in Nova that this host may have something of a server.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    :raises nova.exception.InstanceNotFound: if Nova has deleted the server.
    """
    instance_id.keep(instance)
    host_record.keep_host(instance, host.nodename)


def keep_of_removed(host, instance):
    """Store the same before the removal of a server without such a record.

    An older version created such a server. If the server is on another host
    now, Nova has a record of its migration from this host.

    :param host: the owner of the REST connection (host.Host).
    :param instance: nova.objects.Instance
    """
    if instance.host == host.nodename and not instance.deleted:
        try:
            keep(host, instance)
        except nova_exc.InstanceNotFound:
            # Nova deleted the server in the meantime, with its records.
            pass
