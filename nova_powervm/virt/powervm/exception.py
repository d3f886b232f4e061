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

"""Exceptions of the PowerVM driver."""

from nova import exception

from nova_powervm.virt.powervm import rest_reasons
from nova_powervm.virt.powervm import short_text


class OneLine(exception.NovaException):
    """Its message has one line, of at most short_text.LIMIT characters.

    :param kwargs: what the message formats. Of a list it names the first
        items, as many as it has room for.
    """

    def __init__(self, message=None, **kwargs):
        # A message that is given needs nothing to format.
        super().__init__(message, **(
            kwargs if message else short_text.fit(self.msg_fmt, kwargs)))


class PowerVMAPIFailed(exception.NovaException):
    msg_fmt = ('PowerVM API failed to complete for instance=%(inst_name)s. '
               '%(reason)s')


class RestServerUnavailable(OneLine, exception.HypervisorUnavailable):
    msg_fmt = ('The PowerVM REST API server at %(url)s cannot be used: '
               '%(reason)s')

    def __init__(self, message=None, reason='', **kwargs):
        super().__init__(message, reason=rest_reasons.explain(str(reason)),
                         **kwargs)


class RestAuthenticationFailed(OneLine):
    msg_fmt = ('The PowerVM REST API server at %(url)s refused the user '
               '%(user)s or its password. Check [powervm] rest_user and '
               'rest_password.')


class ManagedSystemCount(OneLine):
    msg_fmt = ('[powervm] managed_system is not set, and %(url)s manages '
               '%(count)d systems; set it to one of: %(systems)s')


class ManagedSystemNotFound(OneLine):
    msg_fmt = ('[powervm] managed_system=%(wanted)s cannot be used: %(url)s '
               'manages no such system; there are: %(systems)s')


class ManagedSystemAmbiguous(OneLine):
    msg_fmt = ('[powervm] managed_system=%(wanted)s cannot be used: several '
               'systems have that name; set it to one of: %(systems)s')


class ManagedSystemNotMaster(OneLine):
    msg_fmt = ('%(url)s may not change system %(systems)s: another console is '
               'its master. Let [powervm] rest_host name that, or make this '
               'one the master (chcomgmt)')


class LparElsewhere(exception.NovaException):
    msg_fmt = ('The same HMC has the LPAR of server %(uuid)s on %(system)s. '
               'The driver cannot move a server between two systems of one '
               'HMC yet.')


class HostOfSameHmc(LparElsewhere):
    """It may show one of the two systems only, so it is not asked for more."""
    msg_fmt = ('Host %(host)s has a system of the same HMC. The driver cannot '
               'move a server between two systems of one HMC yet.')


class LparHasOtherUUID(exception.BuildAbortException):
    msg_fmt = ('The platform has given LPAR %(name)s of server '
               '%(instance_uuid)s the UUID %(found)s instead of the requested '
               '%(wanted)s, by which the driver would have to find it. The '
               'LPAR %(what_now)s.')


class ViosNotAvailable(exception.NovaException):
    msg_fmt = ('No Virtual I/O Server is running with an active RMC '
               'connection, after a wait of %(wait_time)d seconds.')


class FaultOfThisHost(Exception):
    """Marks a failure of this host only, of a class that fails on each host.

    See module failures.
    """


class NotOnThisHost(exception.NovaException):
    """Nova builds the server on another host."""
    msg_fmt = 'Another host may be able to do it: %(reason)s'


class InvalidFlavor(exception.InvalidInput):
    """Nova aborts the build, because it would also fail on other hosts."""
    msg_fmt = ('Flavor %(flavor)s: %(key)s=%(value)s cannot be used: '
               '%(reason)s')


class FlavorNotOnThisHost(FaultOfThisHost, InvalidFlavor):
    """This host does not have, or cannot do, what the flavor demands."""


class ImageFormatNotOnThisHost(FaultOfThisHost, exception.ImageUnacceptable):
    """The disks of other hosts may accept such an image."""


class VolumeTypeNotSupported(exception.InvalidVolume):
    msg_fmt = ('Volumes of the type %(transport)s cannot be attached on '
               'PowerVM; those of these types can: %(known)s')


class OptRequiredIfOtherOptValue(OneLine, exception.InvalidConfiguration):
    msg_fmt = ('[powervm] %(then_opt)s is not set, and '
               '%(if_opt)s=%(if_value)s requires it.')


class InvalidOption(OneLine, exception.InvalidConfiguration):
    """An option has a value that cannot be used.

    :param there: list of str, the values that can be used, or None.
    """
    msg_fmt = '[powervm] %(option)s=%(value)s cannot be used: %(reason)s'

    def __init__(self, message=None, there=None, **kwargs):
        if there is not None:
            self.msg_fmt += '; there are: %(there)s'
            kwargs['there'] = there
        super().__init__(message, **kwargs)


class UnknownOption(OneLine, exception.InvalidConfiguration):
    """Nobody reads an option. Its value is not told: it may be a password."""
    msg_fmt = '[powervm] %(option)s is set, but not known: %(remedy)s'


class AbstractMediaException(exception.NovaException):
    """A problem with virtual optical media."""


class NoMediaRepoVolumeGroupFound(OneLine, AbstractMediaException):
    msg_fmt = ('No Virtual I/O Server has a media repository, nor the volume '
               'group %(vol_grp)s to create one in ([powervm] '
               'vopt_media_volume_group)')


class AbstractDiskException(exception.NovaException):
    """A problem with the disks of servers."""


class VGNotFound(OneLine, AbstractDiskException):
    msg_fmt = ('[powervm] volume_group_name=%(vg_name)s cannot be used: no '
               'Virtual I/O Server that is up has such a volume group; there '
               'are: %(there)s')


class VGHolderAmbiguous(OneLine, AbstractDiskException):
    msg_fmt = ('[powervm] volume_group_vios_name is not set, and several '
               'Virtual I/O Servers have volume group %(vg_name)s; set it to '
               'one of: %(vioses)s')


class VGHolderUnknown(OneLine, AbstractDiskException):
    msg_fmt = ('[powervm] volume_group_vios_name is not set, and it is not '
               'known whether only %(vioses)s has volume group %(vg_name)s. '
               'Set it, or start %(down)s')


class VGHolderNotUsable(VGNotFound):
    msg_fmt = ('[powervm] volume_group_name=%(vg_name)s cannot be used on '
               'Virtual I/O Server %(vios)s: %(reason)s. For another one set '
               'volume_group_vios_name')


class VGHolderChanged(OneLine, AbstractDiskException):
    msg_fmt = ('[powervm] volume_group_vios_name=%(named)s cannot be used: '
               'until now the disks were on %(previous)s, and %(reason)s. '
               'Name that one, or empty it first')


class ClusterNotFoundByName(OneLine, AbstractDiskException):
    msg_fmt = ('[powervm] cluster_name=%(clust_name)s cannot be used: no '
               'Virtual I/O Server of this system is in such a cluster; there '
               'are: %(there)s')


class TooManyClustersFound(OneLine, AbstractDiskException):
    msg_fmt = ('[powervm] cluster_name=%(clust_name)s cannot be used: '
               '%(clust_count)d clusters have the name; rename the others')


class NoConfigNoClusterFound(OneLine, AbstractDiskException):
    msg_fmt = ('[powervm] disk_driver=ssp cannot be used: no Virtual I/O '
               'Server of this system is in a cluster; choose localdisk, or '
               'create a cluster')


class NoConfigTooManyClusters(OneLine, AbstractDiskException):
    msg_fmt = ('[powervm] cluster_name is not set, and the Virtual I/O '
               'Servers are in several clusters; set it to one of: '
               '%(clust_names)s')


class ClusterUnknown(OneLine, AbstractDiskException):
    msg_fmt = ('[powervm] cluster_name is not set, and it is not known '
               'whether there are others than %(clust_name)s. Set it, or '
               'start %(down)s')


class ClusterNotUsable(OneLine, AbstractDiskException):
    msg_fmt = ('[powervm] cluster_name is not set, and no Virtual I/O Server '
               'has cluster %(clust_uuid)s of the last start (down: '
               '%(down)s); there are: %(clust_names)s')


class TierNotFound(OneLine, AbstractDiskException):
    msg_fmt = ('[powervm] ssp_tier=%(tier)s cannot be used: Shared Storage '
               'Pool %(ssp_name)s has no such tier; its tiers are %(tiers)s')


class StorageNotServed(AbstractDiskException):
    msg_fmt = ('The storage cannot be reached: none of the Virtual I/O '
               'Servers that serve it is up: %(vioses)s')


class DiskNameInUse(AbstractDiskException):
    msg_fmt = ('Disk %(name)s already exists in %(location)s, and it is '
               'in use: %(reason)s')


class DiskNameAmbiguous(AbstractDiskException):
    msg_fmt = ('It is not known which of the logical units named %(name)s '
               'belongs to the server. Rename or delete the others. Their '
               'UDIDs are: %(udids)s')


class StorageIsNotOurs(AbstractDiskException):
    msg_fmt = ('%(name)s is not deleted: there is no proof that it belongs to '
               'this driver (%(why)s).')


class NoDiskDiscoveryException(AbstractDiskException):
    msg_fmt = ('The management partition sees no disk %(udid)s on bus '
               '%(bus)s, after %(polls)d checks in %(timeout)d seconds.')


class UniqueDiskDiscoveryException(AbstractDiskException):
    msg_fmt = ('The management partition sees %(count)d disks instead of one '
               'by %(path_pattern)s.')


class DeviceDeletionException(AbstractDiskException):
    msg_fmt = ('The management partition still has the device %(devpath)s, '
               'after %(polls)d checks in %(timeout)d seconds.')


class InstanceDiskMappingFailed(AbstractDiskException):
    msg_fmt = ('A disk of instance %(instance_name)s could not be mapped by '
               'any Virtual I/O Server: %(reason)s')


class NewMgmtMappingNotFoundException(AbstractDiskException):
    msg_fmt = ('Virtual I/O Server %(vios_name)s does not map disk '
               '%(stg_name)s to a partition that needs it.')


class SnapshotNotSupported(exception.NotSupportedWithOption):
    msg_fmt = ('%(operation)s is not supported with [powervm] %(option)s on '
               'this host: %(reason)s')


class SnapshotIncomplete(exception.NovaException):
    msg_fmt = ('Image %(image_id)s has %(stored)s bytes in Glance, the disk '
               'that was sent there has %(size)d.')


class FabricPortNotFound(exception.NovaException):
    msg_fmt = ('No port of Fibre Channel fabric %(fabric)s can be used: its '
               'ports %(ports)s ([powervm] fabric_%(fabric)s_port_wwpns) are '
               'full, or their Virtual I/O Servers are down.')


class LiveMigrationLost(exception.MigrationError):
    msg_fmt = ('The LPAR of the server has left this host, and host %(dest)s '
               'does not have it: somebody has moved or deleted it without '
               'Nova. Find out which host has it. %(reason)s')


class LiveMigrationUnknown(exception.MigrationError):
    msg_fmt = ('It is not known whether the server has moved to %(dest)s, as '
               'the platform does not tell. Nothing is removed there. Find '
               'out which host has its LPAR. %(reason)s')
