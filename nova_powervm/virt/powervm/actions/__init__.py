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

"""Perform operations of several flows, or with a choice between flows.

``init_host()`` builds one object of each class here. ``driver.py`` passes the
arguments of Nova to it. These classes choose a flow, run it, and map the
exceptions to those that Nova's manager expects. They make no REST request
themselves.
"""

import dataclasses

from nova_powervm.virt.powervm.actions import live_migrations as powervm_live
from nova_powervm.virt.powervm.actions import moves as powervm_moves
from nova_powervm.virt.powervm.actions import ports as powervm_ports
from nova_powervm.virt.powervm.actions import rebuilds as powervm_rebuilds
from nova_powervm.virt.powervm.actions import recovery as powervm_recovery
from nova_powervm.virt.powervm.actions import servers as powervm_servers
from nova_powervm.virt.powervm.actions import settling as powervm_settling
from nova_powervm.virt.powervm.actions import states as powervm_states


@dataclasses.dataclass(frozen=True)
class Actions:
    """The actions of one driver, by topic.

    :ivar states: reports the power states of servers.
    :ivar servers: creates servers, stops them, and removes them.
    :ivar recovery: starts servers again, with a new LPAR if theirs is gone.
    :ivar moves: performs resizes and cold migrations.
    :ivar live: performs live migrations.
    :ivar settling: ends live migrations that an earlier process has begun.
    :ivar rebuilds: evacuates servers to this host, and checks rebuilds.
    :ivar ports: plugs and unplugs ports.
    """

    states: powervm_states.States
    servers: powervm_servers.Servers
    recovery: powervm_recovery.Recovery
    moves: powervm_moves.Moves
    live: powervm_live.LiveMigrations
    settling: powervm_settling.Settling
    rebuilds: powervm_rebuilds.Rebuilds
    ports: powervm_ports.Ports


def build(services, ongoing):
    """Build the Actions; sends no request.

    :param services: services.Services
    :param ongoing: operations.Operations of the driver.
    """
    states = powervm_states.States(services.host)
    servers = powervm_servers.Servers(services)
    recovery = powervm_recovery.Recovery(services, servers, states)
    live = powervm_live.LiveMigrations(services)
    return Actions(
        states=states, servers=servers, recovery=recovery,
        moves=powervm_moves.Moves(services, servers, recovery),
        live=live, settling=powervm_settling.Settling(
            services, live, ongoing),
        rebuilds=powervm_rebuilds.Rebuilds(services, servers, recovery),
        ports=powervm_ports.Ports(services))
