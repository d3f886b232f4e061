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

"""Nova's configuration with the options of this driver added to it."""

import nova.conf

from nova_powervm.conf import powervm

CONF = nova.conf.CONF

powervm.register_opts(CONF)
# Nothing tells Neutron of a port on the target before the server is there,
# unless the operator knows that its agent does.
CONF.set_default('live_migration_wait_for_vif_plug', False, 'compute')


def register_fabrics():
    """Register the options of the Fibre Channel fabrics, once CONF is read."""
    powervm.register_fabrics(CONF)


def list_opts():
    """Options for oslo-config-generator (entry point oslo.config.opts).

    :returns: list of (group, list of options).
    """
    return powervm.list_opts()


def list_fabric_opts():
    """Options of more fabrics, for oslo-config-validator.

    :returns: list of (group, list of options).
    """
    return powervm.list_fabric_opts()
