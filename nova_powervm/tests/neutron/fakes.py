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

"""A PortContext without Neutron."""

from unittest import mock

from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api

PORT = '7c5e1b62-0d6a-4b2e-8f0d-0c3f6f5a1e42'


def segment(network_type='vlan', physical_network='prod',
            segmentation_id=101, **kwargs):
    """What ML2 knows of a segment: dict."""
    found = {api.ID: 'of ' + str(physical_network),
             api.NETWORK_TYPE: network_type,
             api.PHYSICAL_NETWORK: physical_network,
             api.SEGMENTATION_ID: segmentation_id}
    found.update(kwargs)
    return found


def context(*segments, host='power1', vnic_type='normal', profile=None,
            **port):
    """What ML2 passes to bind_port().

    :param segments: list of dict, as segment() makes them
    :param port: more attributes of the port
    :returns: Mock; bound() looks at it
    """
    segments = list(segments) or [segment()]
    current = {'id': PORT, 'device_owner': 'compute:nova', 'fixed_ips': [],
               portbindings.HOST_ID: host,
               portbindings.VNIC_TYPE: vnic_type,
               portbindings.PROFILE: {} if profile is None else profile,
               'status': 'DOWN'}
    current.update(port)
    made = mock.Mock(spec=api.PortContext, current=current, host=host,
                     segments_to_bind=segments, vif_type='unbound',
                     vif_details={})
    made.network = mock.Mock(network_segments=segments)
    made.plugin_context = mock.sentinel.plugin_context
    return made


def bound(made):
    """How a context was bound.

    :returns: (ID of the segment, VIF type, details, status), or None
    """
    if not made.set_binding.called:
        return None
    (call,) = made.set_binding.call_args_list
    return (*call.args, call.kwargs['status'])
