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

from oslo_config import cfg

powervm_group = cfg.OptGroup(
    'powervm',
    title='PowerVM options',
    help="""
Options of the driver for IBM PowerVM. They have an effect in the
nova.conf of nova-compute, if ``[DEFAULT]/compute_driver`` is
``powervm_ext.driver.PowerVMDriver``.
""")

connection_opts = [
    cfg.StrOpt(
        'rest_host',
        default='localhost',
        help="""
Host name or IP address of the PowerVM REST API server (NovaLink).

The default is right if nova-compute runs on the management
partition of the server that it manages.
"""),
    cfg.PortOpt(
        'rest_port',
        help="""
TCP port of the PowerVM REST API server.

Unset means 12080 for http and 12443 for https.
"""),
    cfg.StrOpt(
        'rest_protocol',
        choices=[('http', 'Not encrypted; for a server on the same machine'),
                 ('https', 'Encrypted and verified')],
        ignore_case=True,
        help="""
Protocol of the PowerVM REST API server.

Unset means http without a password, as for a server on the same
partition, and https with one. With https every request is
verified, see ``rest_ca_file``.
"""),
    cfg.StrOpt(
        'rest_user',
        help="""
User for the PowerVM REST API server. Needed with ``rest_password``
only.
"""),
    cfg.StrOpt(
        'rest_password',
        secret=True,
        help="""
Password for the PowerVM REST API server.

Unset means local file authentication: the server writes a token to
a file that nova-compute must be able to read. For this it runs on
the management partition, as a user in the group pvm_admin.
"""),
    cfg.StrOpt(
        'rest_ca_file',
        help="""
PEM file with the certificates of the authorities that may vouch
for the PowerVM REST API server. Has an effect with https.

Unset means the authorities that the Python library requests
trusts. The environment variables REQUESTS_CA_BUNDLE and
CURL_CA_BUNDLE change those; as they would also override this
option, nova-compute refuses to start if one of them names another
file.
"""),
    cfg.IntOpt(
        'rest_connect_timeout',
        default=600,
        min=0,
        help="""
Seconds for which nova-compute, when it starts, tries again to
reach the PowerVM REST API server. 0 means a single attempt.
"""),
    cfg.IntOpt(
        'rest_read_timeout',
        default=300,
        min=60,
        help="""
Seconds after which a request to the PowerVM REST API server fails
if nothing moves: the server takes nothing more of what is sent, or
sends nothing of its answer. An upload takes as long as the server
goes on reading it. Changes of objects have an hour, or this if it
is more, and jobs ``pypowervm_job_request_timeout``.
"""),
]

start_opts = [
    cfg.IntOpt(
        'vios_active_wait_timeout',
        default=300,
        min=0,
        help="""
Seconds for which nova-compute, when it starts, waits until each
Virtual I/O Server that is powered on can be managed (its RMC
connection is active).

It goes on without those that are not ready by then, as long as one
is.
"""),
    cfg.StrOpt(
        'management_root',
        default='/',
        advanced=True,
        help="""
Directory below which the driver finds /proc, /sys and /dev of the
management partition. Something other than / is of use in tests
only.
"""),
]

partition_opts = [
    cfg.FloatOpt(
        'proc_units_factor',
        default=0.1,
        min=0.05,
        max=1,
        help="""
Processing units (shares of a processor) that a server gets per
virtual processor, if its flavor has no extra spec
powervm:proc_units.

0.1 means that a flavor with 4 VCPUs is entitled to 0.4 of a
processor. An uncapped server can use more while others are idle.
"""),
    cfg.IntOpt(
        'uncapped_proc_weight',
        default=64,
        min=1,
        max=255,
        help="""
Weight with which an uncapped server competes for idle processors,
if its flavor has no extra spec powervm:shared_weight. More is
better.
"""),
    cfg.StrOpt(
        'rescue_boot_mode',
        default='disk',
        choices=[('disk', 'The server boots from the rescue disk by itself'),
                 ('sms', 'The server stops at the menu of its firmware (SMS, '
                  'System Management Services), where a person chooses the '
                  'disk at the console')],
        ignore_case=True,
        help="""
How a server starts when it is rescued.
"""),
]

network_opts = [
    cfg.BoolOpt(
        'use_rmc_mgmt_vif',
        default=True,
        help="""
Give each server a network adapter for Resource Monitoring and
Control (RMC).

The platform needs RMC to change a running server and to shut its
operating system down. The adapter is on the virtual switch
MGMTSWITCH, VLAN 4094, which reaches the management partition and
nothing else. Without that switch on the host no adapter is added.
"""),
    cfg.BoolOpt(
        'use_rmc_ipv6_scheme',
        default=True,
        help="""
Describe the RMC network adapter in the config drive, with an IPv6
link-local address made of its MAC address. Has an effect with
``use_rmc_mgmt_vif``.
"""),
    cfg.StrOpt(
        'pvm_vswitch_for_novalink_io',
        default='NovaLinkVEABridge',
        help="""
Virtual switch of the hypervisor over which ports of the type ovs
reach Open vSwitch on the management partition. Nothing else may
use it: the driver makes a VLAN of it for each port.
"""),
]

storage_opts = [
    cfg.StrOpt(
        'disk_driver',
        default='localdisk',
        choices=[('localdisk', 'Virtual disks (logical volumes) in a volume '
                  'group of a Virtual I/O Server'),
                 ('ssp', 'Logical units in a Shared Storage Pool, which other '
                  'hosts may use too')],
        ignore_case=True,
        help="""
What the disks of servers are made of, and where.
"""),
    cfg.StrOpt(
        'volume_group_name',
        default='',
        help="""
Volume group on a Virtual I/O Server for the disks of servers, or
pool of file-backed disks, such as "QCOW VG - default". Must be set
if ``disk_driver`` is localdisk. rootvg, where the Virtual I/O
Server itself is installed, should be avoided.
"""),
    cfg.StrOpt(
        'volume_group_vios_name',
        default='',
        help="""
Name of the Virtual I/O Server whose volume group
``volume_group_name`` is used. It must be set if several of them
have a group of that name. If it is set, nova-compute does not
start while that Virtual I/O Server is down.

Unset means the Virtual I/O Server that was used at the last start,
or, at the first one, the only one that has such a group.
"""),
    cfg.StrOpt(
        'cluster_name',
        default='',
        help="""
Cluster of Virtual I/O Servers whose Shared Storage Pool takes the
disks of servers. Has an effect if ``disk_driver`` is ssp.

Unset means the one that was used until now, which nova-compute
remembers, or, at the first start, the only cluster of this host.
"""),
    cfg.StrOpt(
        'ssp_tier',
        default='',
        help="""
Tier of the Shared Storage Pool for the disks of servers. Has an
effect if ``disk_driver`` is ssp.

Unset means the one that was used until now, which nova-compute
remembers, or, at the first start, the default tier of the pool.
Hosts between which servers move must use the same tier.
"""),
    cfg.BoolOpt(
        'ssp_sharing_provider',
        default=True,
        help="""
Report the Shared Storage Pool to placement as one provider that
its hosts share, so that its space counts once. Has an effect if
``disk_driver`` is ssp.

Nova does not look at shared providers if a request names the
host that a server is to be on: to create, migrate, evacuate or
unshelve a server to a given host finds no valid host. If that is
needed, turn this off on all hosts of the pool. Then each of them
reports the whole pool as its own, and placement may promise more
space than there is.

Disk space that servers have is moved in placement when
nova-compute starts with the other value.
"""),
    cfg.StrOpt(
        'vopt_media_volume_group',
        default='rootvg',
        help="""
Volume group in which the driver makes a virtual optical media
repository, for config drives, if no Virtual I/O Server has a
repository yet. None is made on a Virtual I/O Server that is the
management partition.
"""),
    cfg.IntOpt(
        'vopt_media_rep_size',
        default=1,
        min=1,
        help="""
Size in GB of the virtual optical media repository, if the driver
makes it.
"""),
    cfg.BoolOpt(
        'remove_vopt_media_on_boot',
        default=False,
        help="""
Have the platform remove the config drive of a server some time
after its first boot, see ``remove_vopt_media_time``. This saves
space in the media repository, but such a server no longer has its
config drive later on.
"""),
    cfg.IntOpt(
        'remove_vopt_media_time',
        default=60,
        min=0,
        help="""
Minutes after the first boot of a server when its config drive is
removed. Has an effect with ``remove_vopt_media_on_boot``.
"""),
]

volume_opts = [
    cfg.StrOpt(
        'fc_attach_strategy',
        default='vscsi',
        choices=[('vscsi', 'The Virtual I/O Servers see a volume and map it '
                  'to the server'),
                 ('npiv', 'The server has Fibre Channel adapters of its own, '
                  'virtual ones, and sees its volumes itself')],
        ignore_case=True,
        help="""
How Cinder volumes on Fibre Channel are connected to servers.

A server that has volumes goes on to use the way by which it has
them; this is for servers without any.
"""),
    cfg.IntOpt(
        'vscsi_vios_connections_required',
        default=1,
        min=1,
        help="""
Number of Virtual I/O Servers that must be able to connect a
volume, for it to be attached. More of them make more paths. Has an
effect if ``fc_attach_strategy`` is vscsi.
"""),
    cfg.BoolOpt(
        'swap_volume_stops_server',
        default=False,
        help="""
Stop a server that is on when one of its volumes is to be replaced
with a copy, and start it afterwards. Cinder asks for that when a
volume in use is retyped or migrated. The platform cannot copy a
volume while the server writes to it, so without this option such a
request fails, and the server keeps its volume.
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
Names of the Fibre Channel fabrics that servers are connected to,
made of letters and digits. Each needs an option
``fabric_<name>_port_wwpns``. Has an effect if
``fc_attach_strategy`` is npiv.
"""),
    cfg.IntOpt(
        'ports_per_fabric',
        default=1,
        min=1,
        help="""
Number of virtual Fibre Channel adapters that a server has in each
fabric. More of them make more paths. Has an effect if
``fc_attach_strategy`` is npiv.
"""),
]

nvram_opts = [
    cfg.StrOpt(
        'nvram_store',
        default='none',
        choices=[('none', 'They are not kept'),
                 ('swift', 'In a container of Swift, see the options swift_*; '
                  'needs the Python package python-swiftclient')],
        ignore_case=True,
        help="""
Where the NVRAM of servers and their slot maps are kept, so that
a server that is made anew, on this host or another, finds its
devices where they were.
"""),
    cfg.StrOpt(
        'swift_container',
        default='powervm_nvram',
        help="""
Container of Swift that takes NVRAM and slot maps. It is made when
it is missing. It must be the same on all hosts between which
servers move, and nobody else may write to it.
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
Password of the user. Must be set if ``nvram_store`` is swift.
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
URL of Keystone, as in https://controller:5000/v3. Must be set if
``nvram_store`` is swift.
"""),
    cfg.StrOpt(
        'swift_cacert',
        help="""
PEM file with the certificates of the authorities that may vouch
for Keystone and Swift.

Unset means the authorities that the Python library requests
trusts.
"""),
    cfg.StrOpt(
        'swift_endpoint_type',
        help="""
Which endpoint of Swift in the catalog of Keystone is used, such as
internalURL.

Unset means the public one.
"""),
]

ALL_OPTS = (connection_opts + start_opts + partition_opts + network_opts +
            storage_opts + volume_opts + nvram_opts)


def fabric_opt(fabric):
    """The option that lists the ports of one Fibre Channel fabric.

    :param fabric: str, one of the option ``fabrics``.
    """
    return cfg.ListOpt(
        'fabric_%s_port_wwpns' % fabric,
        default=[],
        help="""
World-wide port names of the physical Fibre Channel ports of the
Virtual I/O Servers that are in fabric %s, with or without colons.
There is such an option for each fabric of ``fabrics``.
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
    """Options by group.

    :returns: list of (group, list of options).
    """
    return [(powervm_group,
             ALL_OPTS + [fabric_opt('A'), fabric_opt('B')])]
