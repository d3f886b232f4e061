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

"""The options of nova.conf that this driver adds, all in group [powervm]."""

import string

from oslo_config import cfg

powervm_group = cfg.OptGroup(
    'powervm',
    title='PowerVM options',
    help="""
Options of the driver for IBM PowerVM. nova-compute uses them if
``[DEFAULT]/compute_driver`` is
``powervm_ext.driver.PowerVMDriver``.
""")

connection_opts = [
    cfg.ListOpt(
        'rest_host',
        default=['localhost'],
        help="""
Host name or IP address of the PowerVM REST API server: a NovaLink,
or an HMC.

Keep the default if nova-compute runs on the management partition
of the server that it manages. If several HMCs manage the server,
give them all: nova-compute uses the first one that answers, and
another one if it loses the connection.
"""),
    cfg.StrOpt(
        'managed_system',
        help="""
The system that this nova-compute manages, if the PowerVM REST API
server is an HMC with several systems.

Give its UUID, its type, model and serial number as in
8286-42A*21ABCDE, or its name. The driver looks for them in this
order. If unset, the server must manage exactly one system. A
nova-compute manages one system, so each system needs its own, with
its own ``[DEFAULT]host`` and ``state_path``.
"""),
    cfg.PortOpt(
        'rest_port',
        min=1,
        help="""
TCP port of the PowerVM REST API server.

If unset, the port is 12080 for http and 12443 for https.
"""),
    cfg.StrOpt(
        'rest_protocol',
        choices=[('http', 'Not encrypted, for a server on the same machine'),
                 ('https', 'Encrypted and verified')],
        ignore_case=True,
        help="""
Protocol of the PowerVM REST API server.

If unset, nova-compute uses https if a password is set, otherwise
http to a server on the same partition. With https it verifies the
certificate with every request; see ``rest_ca_file``.
"""),
    cfg.StrOpt(
        'rest_user',
        help="""
User for the PowerVM REST API server. Needed only with
``rest_password``.
"""),
    cfg.StrOpt(
        'rest_password',
        secret=True,
        help="""
Password for the PowerVM REST API server.

If unset, nova-compute uses local file authentication: the server
writes a token to a file, and nova-compute reads it. For this
nova-compute must run on the management partition, as a user in
the group pvm_admin.
"""),
    cfg.StrOpt(
        'rest_ca_file',
        help="""
PEM file with the certificates of the authorities that may sign
the certificate of the PowerVM REST API server. Used with https.

If unset, nova-compute trusts the authorities that the Python
library requests trusts. The environment variables
REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE change these authorities.
They would also override this option, so nova-compute does not
start if one of them names another file.
"""),
    cfg.IntOpt(
        'rest_connect_timeout',
        default=600,
        min=0,
        help="""
Number of seconds for which nova-compute, when it starts, retries
to connect to the PowerVM REST API server. 0 means a single
attempt.
"""),
    cfg.IntOpt(
        'rest_read_timeout',
        default=300,
        min=60,
        help="""
Number of seconds after which a request to the PowerVM REST API
server fails if the server reads no byte of the request, or sends
no byte of its answer. An upload may take as long as the server
continues to read. A change of an object may take one hour, or
this value if it is larger. For jobs see
``pypowervm_job_request_timeout``.
"""),
    cfg.IntOpt(
        'hmc_parallel_requests',
        default=4,
        min=0,
        help="""
Number of requests to an HMC that nova-compute has under way at the
same time at most. Further requests wait. Polls for events and
uploads do not count. 0 means no limit. A NovaLink has no limit.
"""),
]

start_opts = [
    cfg.IntOpt(
        'vios_active_wait_timeout',
        default=300,
        min=0,
        help="""
Number of seconds for which nova-compute, when it starts, waits
until the RMC connection of each Virtual I/O Server that is
powered on is active.

After this time it continues without the Virtual I/O Servers that
are not ready, if at least one is ready.
"""),
    cfg.StrOpt(
        'management_root',
        default='/',
        advanced=True,
        help="""
Directory below which the driver finds /proc, /sys and /dev of the
management partition. Only tests need another value than /.
"""),
]

partition_opts = [
    cfg.FloatOpt(
        'proc_units_factor',
        default=0.1,
        min=0.05,
        max=1,
        help="""
Processing units (shares of a processor) that a server gets for
each virtual processor, if its flavor has no extra spec
powervm:proc_units.

With 0.1, a server with 4 VCPUs is entitled to 0.4 of a processor.
An uncapped server can use more while others are idle.
"""),
    cfg.IntOpt(
        'uncapped_proc_weight',
        default=64,
        min=1,
        max=255,
        help="""
Weight with which an uncapped server competes for idle processors,
if its flavor has no extra spec powervm:shared_weight. A server
with a larger weight gets a larger share.
"""),
    cfg.StrOpt(
        'rescue_boot_mode',
        default='disk',
        choices=[('disk', 'The server boots from the rescue disk'),
                 ('sms', 'The server stops at the menu of its firmware (SMS, '
                  'System Management Services), where somebody chooses the '
                  'disk at the console')],
        ignore_case=True,
        help="""
How a rescued server starts.
"""),
]

network_opts = [
    cfg.BoolOpt(
        'use_rmc_mgmt_vif',
        default=True,
        help="""
Give each server a network adapter for Resource Monitoring and
Control (RMC).

The platform needs RMC to change a running server and to shut down
its operating system. The adapter is on the virtual switch
MGMTSWITCH, in VLAN 4094, which reaches only the management
partition. If the host has no such switch, the driver adds no
adapter.
"""),
    cfg.BoolOpt(
        'use_rmc_ipv6_scheme',
        default=True,
        help="""
Describe the RMC network adapter in the config drive, with an IPv6
link-local address derived from its MAC address. Used with
``use_rmc_mgmt_vif``.
"""),
    cfg.StrOpt(
        'pvm_vswitch_for_novalink_io',
        default='NovaLinkVEABridge',
        help="""
Virtual switch of the hypervisor that connects ports of the type
ovs with Open vSwitch on the management partition. Nothing else
may use this switch, because the driver uses one of its VLANs for
each port.
"""),
    cfg.ListOpt(
        'bridge_mappings',
        default=[],
        help="""
The Shared Ethernet Adapter (SEA) of each physical network of
Neutron. An item is ``physical network:device:VIOS``, such as
``prod:ent5:vios1``. If two SEAs of two VIOSes stand in for each
other, name either of them.

A host with a single network bridge needs no mapping: all physical
networks use it. The mapping also decides on which virtual switch
the network adapter of a server is. Two physical networks cannot
have the same SEA.
"""),
    cfg.BoolOpt(
        'manage_sea_vlans',
        default=True,
        help="""
Add the VLAN of a port to its Shared Ethernet Adapter (SEA) if the
SEA does not carry it. The driver never takes a VLAN away from
another SEA.

If you set this to False, the driver only checks that the SEA
carries the VLAN, and does not plug the port if it does not.
"""),
    cfg.BoolOpt(
        'remove_unused_vlans',
        default=False,
        help="""
Remove VLANs from the Shared Ethernet Adapters (SEAs), at most
three in an hour, if no partition of the host has an adapter in
them and no port has needed them for an hour. VLANs of the first
trunk adapter of an SEA stay.

The driver does not know who has added a VLAN. So it also removes
unused VLANs that you have added. Used with ``manage_sea_vlans``.
"""),
    cfg.BoolOpt(
        'untagged_vlan_networks',
        default=False,
        help="""
Plug ports of a VLAN network whose VLAN is the PVID of the Shared
Ethernet Adapter. Their frames leave the SEA without a VLAN tag.
Ports of flat networks always use this PVID.
"""),
    cfg.IntOpt(
        'vnic_required_vfs',
        default=2,
        min=1,
        max=6,
        help="""
Number of backing devices of a vNIC: virtual functions of
different physical ports of SR-IOV adapters, in different Virtual
I/O Servers if possible. One carries the traffic, and another
replaces it if it fails.

A vNIC has one if the system does not support more, and not more
than its physical network has ports. A port can ask for another
number with ``vnic_required_vfs`` in its ``binding:profile``.
"""),
    cfg.FloatOpt(
        'vnic_vf_capacity',
        min=0.0001,
        max=1,
        help="""
Fraction of the bandwidth of a physical port, such as 0.1, that
each backing device of a vNIC gets at least. The driver rounds it
up to what the physical port supports. By default it is as small
as the physical port supports.

A port can ask for another fraction with ``capacity`` in its
``binding:profile``.
"""),
    cfg.StrOpt(
        'sriov_default_physnet',
        help="""
Physical network of Neutron to which those physical ports of
SR-IOV adapters lead that have no label. By default the driver does
not use them. The label of a port is the name of its physical
network.
"""),
    cfg.BoolOpt(
        'send_vif_events',
        default=False,
        help="""
Tell the agents of networking-powervm about each port that is
plugged or unplugged. Set this only if these agents run on the
host. Then they add VLANs to the Shared Ethernet Adapters, and the
driver does not.
"""),
]

storage_opts = [
    cfg.StrOpt(
        'disk_driver',
        default='localdisk',
        choices=[('localdisk', 'Virtual disks (logical volumes) in a volume '
                  'group of a Virtual I/O Server'),
                 ('ssp', 'Logical units in a Shared Storage Pool, which other '
                  'hosts may also use')],
        ignore_case=True,
        help="""
Type of storage for the disks of servers.
"""),
    cfg.StrOpt(
        'volume_group_name',
        default='',
        help="""
Volume group on a Virtual I/O Server for the disks of servers, or
pool of file-backed disks, such as "QCOW VG - default". Required
if ``disk_driver`` is localdisk. Avoid rootvg, because it contains
the Virtual I/O Server itself.
"""),
    cfg.StrOpt(
        'volume_group_vios_name',
        default='',
        help="""
Name of the Virtual I/O Server that has the volume group
``volume_group_name``. Required if several Virtual I/O Servers
have a group of this name. If it is set, nova-compute does not
start while this Virtual I/O Server is down.

If unset, nova-compute uses the Virtual I/O Server of its last
start. At its first start it uses the only one that has such a
group.
"""),
    cfg.StrOpt(
        'cluster_name',
        default='',
        help="""
Cluster of Virtual I/O Servers whose Shared Storage Pool contains
the disks of servers. Used if ``disk_driver`` is ssp.

If unset, nova-compute uses the cluster of its last start. At its
first start it uses the only cluster of this host.
"""),
    cfg.StrOpt(
        'ssp_tier',
        default='',
        help="""
Tier of the Shared Storage Pool for the disks of servers. Used if
``disk_driver`` is ssp.

If unset, nova-compute uses the tier of its last start. At its
first start it uses the default tier of the pool. Hosts between
which servers move must use the same tier.
"""),
    cfg.BoolOpt(
        'ssp_sharing_provider',
        default=True,
        help="""
Report the Shared Storage Pool to placement as one provider that
its hosts share, so that placement counts its space once. Used if
``disk_driver`` is ssp.

Nova ignores shared providers if a request names the host for a
server. So a request to create, migrate, evacuate or unshelve a
server on a given host finds no valid host. If you need such
requests, turn this off on all hosts of the pool. Each host then
reports the whole pool as its own, and placement may grant more
space than the pool has.

When nova-compute starts with the other value, it moves the disk
space of servers to the other provider in placement.
"""),
    cfg.StrOpt(
        'vopt_media_volume_group',
        default='rootvg',
        help="""
Volume group in which the driver creates a virtual optical media
repository for config drives, if no Virtual I/O Server has a
repository yet. The driver creates none on a Virtual I/O Server
that is the management partition.
"""),
    cfg.IntOpt(
        'vopt_media_rep_size',
        default=1,
        min=1,
        help="""
Size in GB of a virtual optical media repository that the driver
creates.
"""),
    cfg.BoolOpt(
        'remove_vopt_media_on_boot',
        default=False,
        help="""
Let the platform remove the config drive of a server some time
after its first boot; see ``remove_vopt_media_time``. This saves
space in the media repository, but the server then no longer has
its config drive.
"""),
    cfg.IntOpt(
        'remove_vopt_media_time',
        default=60,
        min=0,
        help="""
Number of minutes after the first boot of a server after which the
platform removes its config drive. Used with
``remove_vopt_media_on_boot``.
"""),
]

volume_opts = [
    cfg.StrOpt(
        'fc_attach_strategy',
        default='vscsi',
        choices=[('vscsi', 'The Virtual I/O Servers see a volume and map it '
                  'to the server'),
                 ('npiv', 'The server has virtual Fibre Channel adapters and '
                  'sees its volumes itself')],
        ignore_case=True,
        help="""
Transport of Cinder volumes on Fibre Channel.

This applies to servers without volumes. A server that has volumes
keeps its transport.
"""),
    cfg.IntOpt(
        'vscsi_vios_connections_required',
        default=1,
        min=1,
        help="""
Number of Virtual I/O Servers that must be able to connect a
volume; otherwise an attachment fails. Each of them provides a
path. Used if ``fc_attach_strategy`` is vscsi.
"""),
    cfg.BoolOpt(
        'swap_volume_stops_server',
        default=False,
        help="""
Allow Nova to stop a running server to replace one of its volumes
with a copy, and to start it after that. Cinder requests this when
somebody retypes or migrates an attached volume. The platform
cannot copy a volume while the server writes to it, so without
this option the request fails, and the server keeps its volume.
"""),
    cfg.BoolOpt(
        'volume_use_multipath',
        default=False,
        help="""
Ask Cinder for all paths to a volume instead of a single one.
"""),
    cfg.ListOpt(
        'fabrics',
        default=['A'],
        help="""
Names of the Fibre Channel fabrics of the servers, of letters and
digits. Each fabric needs an option ``fabric_<name>_port_wwpns``.
Used if ``fc_attach_strategy`` is npiv.
"""),
    cfg.IntOpt(
        'ports_per_fabric',
        default=1,
        min=1,
        help="""
Number of virtual Fibre Channel adapters of a server in each
fabric. Each of them provides a path. Used if
``fc_attach_strategy`` is npiv.
"""),
]

nvram_opts = [
    cfg.StrOpt(
        'nvram_store',
        default='none',
        choices=[('none', 'They are not stored'),
                 ('swift', 'In a container of Swift; see the options swift_*. '
                  'Needs the Python package python-swiftclient')],
        ignore_case=True,
        help="""
Store for the NVRAM and the slot maps of servers. With a store, a
server keeps the addresses of its devices when the driver creates
its LPAR again, on this host or another.
"""),
    cfg.StrOpt(
        'swift_container',
        default='powervm_nvram',
        help="""
Container of Swift for NVRAM and slot maps. The driver creates it
if it does not exist. All hosts between which servers move must
use the same container, and nobody else may write to it.
"""),
    cfg.StrOpt(
        'swift_username',
        default='powervm',
        help="""
User in Keystone that owns the container.
"""),
    cfg.StrOpt(
        'swift_user_domain_name',
        default='powervm',
        help="""
Domain in Keystone of the user.
"""),
    cfg.StrOpt(
        'swift_password',
        secret=True,
        help="""
Password of the user. Required if ``nvram_store`` is swift.
"""),
    cfg.StrOpt(
        'swift_project_name',
        default='powervm',
        help="""
Project in Keystone that owns the container.
"""),
    cfg.StrOpt(
        'swift_project_domain_name',
        default='powervm',
        help="""
Domain in Keystone of the project.
"""),
    cfg.StrOpt(
        'swift_auth_version',
        default='3',
        help="""
Version of the Identity API of Keystone, 3 or 2.
"""),
    cfg.StrOpt(
        'swift_auth_url',
        help="""
URL of Keystone, such as https://controller:5000/v3. Required if
``nvram_store`` is swift.
"""),
    cfg.StrOpt(
        'swift_cacert',
        help="""
PEM file with the certificates of the authorities that may sign
the certificates of Keystone and Swift.

If unset, the driver trusts the authorities that the Python
library requests trusts.
"""),
    cfg.StrOpt(
        'swift_endpoint_type',
        help="""
Endpoint of Swift in the catalog of Keystone, such as internalURL.

If unset, the driver uses the public endpoint.
"""),
]

live_migration_opts = [
    cfg.HostAddressOpt(
        'live_migration_address',
        help="""
Host name or IP address at which the NovaLinks of other hosts reach
this one, for live migrations. They log on there with SSH.

If unset, it is ``[DEFAULT] my_ip``.
"""),
    cfg.IntOpt(
        'live_migration_timeout',
        default=7200,
        min=0,
        help="""
Number of seconds that a live migration from this host may take.
The driver aborts one that takes longer, and the server stays where
it is. 0 means no limit.

For the same time the driver waits for a platform that does not
answer, before it stops trying to find out where the server is.
"""),
]

console_opts = [
    cfg.PortOpt(
        'vnc_port',
        default=5901,
        help="""
TCP port on which nova-compute offers the VNC consoles of servers
to nova-novncproxy, at the address ``[vnc] server_listen``. It
listens as soon as somebody opens a console. 0 means any free
port.
"""),
    cfg.BoolOpt(
        'vnc_use_x509_auth',
        default=False,
        help="""
Encrypt the connections between nova-novncproxy and nova-compute,
and accept only a proxy with a certificate. nova-novncproxy needs
``vencrypt`` in ``[vnc] auth_schemes``, and the options
``[vnc] vencrypt_*``.
"""),
    cfg.StrOpt(
        'vnc_ca_certs',
        help="""
PEM file with the certificates of the authorities that may sign
the certificate of nova-novncproxy. Required if
``vnc_use_x509_auth`` is set.
"""),
    cfg.StrOpt(
        'vnc_server_cert',
        help="""
PEM file with the certificate that nova-compute shows to
nova-novncproxy. Required if ``vnc_use_x509_auth`` is set.
"""),
    cfg.StrOpt(
        'vnc_server_key',
        help="""
PEM file with the key of ``vnc_server_cert``. Required if
``vnc_use_x509_auth`` is set.
"""),
    cfg.StrOpt(
        'serial_console_listen',
        default='127.0.0.1',
        help="""
IP address on which nova-compute offers the serial consoles of
servers to nova-serialproxy. It must be reachable as
``[serial_console] proxyclient_address``.
"""),
    cfg.PortOpt(
        'serial_console_port',
        default=5902,
        help="""
TCP port on which nova-compute offers the serial consoles of
servers to nova-serialproxy. It listens as soon as somebody opens
a console. 0 means any free port.
"""),
    cfg.BoolOpt(
        'console_log',
        default=False,
        help="""
Log what servers print on their consoles. The log occupies the only
virtual terminal of a server, so there are no VNC consoles, and an
administrator has to close the terminal (``rmvterm``) to open it.
After that the driver waits, and tries later to open it again.
"""),
    cfg.BoolOpt(
        'console_force',
        default=False,
        help="""
If a user opens the console of a server, and somebody else has the
virtual terminal open, for example an administrator with
``mkvterm``: close that (``rmvterm``), and open it for the user.
Without this option the user gets an error. The log of
``console_log`` never takes the terminal from anybody.
"""),
]

ALL_OPTS = (connection_opts + start_opts + partition_opts + network_opts +
            storage_opts + volume_opts + nvram_opts + live_migration_opts +
            console_opts)


def fabric_opt(fabric):
    """Return the option that lists the ports of one Fibre Channel fabric.

    :param fabric: str, one of the option ``fabrics``.
    """
    return cfg.ListOpt(
        'fabric_%s_port_wwpns' % fabric,
        default=[],
        help="""
World-wide port names of the physical Fibre Channel ports in
fabric %s, with or without colons. The ports belong to Virtual I/O
Servers. There is one such option for each fabric in ``fabrics``.
""" % fabric)


def register_fabrics(conf):
    """Register the options of the fabrics that the configuration names.

    :param conf: an oslo.config ConfigOpts, which has been read.
    """
    for fabric in conf.powervm.fabrics:
        conf.register_opt(fabric_opt(fabric), group=powervm_group)


def register_opts(conf):
    """Register the group and its options.

    :param conf: an oslo.config ConfigOpts.
    """
    conf.register_group(powervm_group)
    conf.register_opts(ALL_OPTS, group=powervm_group)


def list_opts():
    """Return the options by group.

    :returns: list of (group, list of options).
    """
    return [(powervm_group,
             ALL_OPTS + [fabric_opt('A'), fabric_opt('B')])]


def list_fabric_opts():
    """Return the options of more fabrics, which no sample file needs.

    oslo-config-validator knows an option only if it is in a list.

    :returns: list of (group, list of options), of the fabrics C to Z.
    """
    return [(powervm_group, [fabric_opt(name)
                             for name in string.ascii_uppercase[2:]])]
