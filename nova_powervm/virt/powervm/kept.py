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

"""Values that Nova stores with this host between two starts of nova-compute.

They are in the statistics of the compute node, which each report of resources
writes; see Services.kept_with_host. Nova reports before it creates a server on
the host.
"""

from nova import context as nova_context
from nova import exception as nova_exc
from nova import objects


def find(nodename, **wanted):
    """Read the values of a host from Nova's database (no request).

    :param nodename: str, Nova's name of the host.
    :param wanted: statistics that the compute node must have: name -> str.
    :returns: dict of str, all statistics; {} if there is no such node, or if
        the host has no name in Nova, as in the command nova-powervm check.
    """
    if not nodename:
        return {}
    try:
        nodes = objects.ComputeNodeList.get_all_by_host(
            nova_context.get_admin_context(), nodename)
    except nova_exc.ComputeHostNotFound:
        return {}
    return next((node.stats for node in nodes
                 if (node.stats or {}).items() >= wanted.items()), None) or {}
