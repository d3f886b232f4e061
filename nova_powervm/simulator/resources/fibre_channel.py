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

"""VirtualFibreChannelClientAdapter: a port of a partition, seen from there."""

from nova_powervm.simulator.resources import base


class ClientAdapter(base.Resource):
    """The client adapter of a virtual Fibre Channel mapping.

    It is created and removed with the mapping in the document of the VIOS.

    :param mapping: fc_mappings.Mapping
    """

    TYPE = 'VirtualFibreChannelClientAdapter'
    ROOT = False
    PARENTS = ('LogicalPartition',)
    METHODS = ()

    def __init__(self, host, mapping):
        super().__init__(host, mapping.adapter_uuid, mapping.client)
        self.mapping = mapping

    def remove(self):
        """Let it go; only the mapping or the partition can take it away."""

    def render(self, groups):
        return self.mapping.client_elements()

    def state(self):
        return dict(super().state(), partition=self.parent.name,
                    vios=self.mapping.vios.name, adapter=self.mapping.name,
                    wwpns=list(self.mapping.wwpns))
