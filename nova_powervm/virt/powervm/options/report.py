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

"""What nova-compute would find and use, for the command nova-powervm check.

It only reads the platform, and does not ask Nova. So it does not know the
volume group, cluster and tier of the last start, nor the servers of the host.
"""

import functools

from nova import exception as nova_exc
from pypowervm import exceptions as pvm_exc

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import bridge_mappings
from nova_powervm.virt.powervm import bridges
from nova_powervm.virt.powervm import disk
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import host as powervm_host
from nova_powervm.virt.powervm.media import repository
from nova_powervm.virt.powervm.options import site
from nova_powervm.virt.powervm.options import static
from nova_powervm.virt.powervm.volume import fabrics

CONF = cfg.CONF
# Nova's name of the host: the command is no nova-compute.
_NOBODY = ''


class Report:
    """One check of the options and of the platform.

    :ivar problems: list of str, each a line.
    :param write: called with each line of what was found, str.
    """

    def __init__(self, write):
        self.problems = []
        self._write = write
        self._host = powervm_host.Host(_NOBODY)

    def run(self):
        """Check the options; if all can be used, read the platform."""
        self.problems += map(str, static.problems())
        if self.problems:
            return
        # The command does not wait for what is down.
        CONF.set_override('rest_connect_timeout', 0, 'powervm')
        try:
            self._host.connect()
        except (nova_exc.NovaException, pvm_exc.Error) as exc:
            self.problems.append(str(exc))
            return
        try:
            for title, section in SECTIONS:
                self._add(title, functools.partial(section, self._host))
        finally:
            self._host.close()

    def _add(self, title, section):
        try:
            lines = section()
        except (nova_exc.NovaException, pvm_exc.Error) as exc:
            self.problems.append(' '.join(str(exc).split()))
            return
        for line in lines:
            self._write('%-15s %s' % (title + ':', line))


def _server(host):
    return ['%s (%s)' % (host.adapter.session.dest,
                         'HMC' if host.is_hmc else 'NovaLink')]


def _system(host):
    return ['%s (%s)' % (host.system.system_name, host.system.mtms.mtms_str)]


def _vioses(host):
    host.wait_for_vioses(0)
    vioses = host.vioses()
    site.check_connections(vioses)
    up = {vios_w.uuid for vios_w in host.filter_active(vioses)}
    return ['%s (%s)' % (vios_w.name,
                         'up' if vios_w.uuid in up else 'not usable now')
            for vios_w in vioses]


def _disks(host):
    found = disk.build(host, None)
    capacity = found.capacity()
    where = 'volume group %s of %s' % (
        CONF.powervm.volume_group_name, host.vios(found.vios_uuids[0]).name)
    if found.shared_pool is not None:
        where = 'Shared Storage Pool %s' % found.shared_pool.name
    return ['%s, %.1f of %.1f GB are free' % (
        where, capacity.total_gb - capacity.used_gb, capacity.total_gb)]


def _config_drives(host):
    repositories = repository.Repository(host)
    group = repositories.find()
    repositories.check_options()
    if group is not None:
        return ['media repository in volume group %s of %s' % (
            group.name, host.vios(group.vios_uuid).name)]
    return ['no media repository yet; the first config drive creates one of '
            '%d GB in volume group %s, but not on the management partition' % (
                CONF.powervm.vopt_media_rep_size,
                CONF.powervm.vopt_media_volume_group)]


def _networks(host):
    mappings = bridge_mappings.parse(CONF.powervm.bridge_mappings)
    found = host.bridges.all()
    for network, device in bridges.missing(mappings, found).items():
        raise exception.InvalidOption(
            option='bridge_mappings', value=':'.join((network, *device)),
            reason='no network bridge of this host has that now',
            there=[bridge.name for bridge in found])
    host.bridges.check_options()
    return ['%s, VLAN %d untagged' % (bridge.name, bridge.pvid)
            for bridge in found]


def _volumes(host):
    strategy = CONF.powervm.fc_attach_strategy.lower()
    fabrics.validate(host)
    if strategy != 'npiv':
        return ['Fibre Channel by virtual SCSI, %d Virtual I/O Servers at '
                'least' % CONF.powervm.vscsi_vios_connections_required]
    return ['Fibre Channel by NPIV, fabric %s: %s' % (
        name, ', '.join(fabrics.ports(name))) for name in fabrics.names()]


def _processors(_host):
    return ['%g processing units and weight %d for a VCPU, unless the flavor '
            'says otherwise' % (CONF.powervm.proc_units_factor,
                                CONF.powervm.uncapped_proc_weight)]


#: (title, what returns lines for a connected host.Host)
SECTIONS = (
    ('REST server', _server),
    ('System', _system),
    ('VIOS', _vioses),
    ('Disks', _disks),
    ('Config drives', _config_drives),
    ('Bridge', _networks),
    ('Volumes', _volumes),
    ('Processors', _processors),
)
