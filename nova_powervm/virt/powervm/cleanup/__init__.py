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

"""Clean-up of what crashes, outages and deletions leave on the platform.

START runs once when nova-compute starts, before it creates or moves servers.
PERIODIC runs about once a minute. Each lists its cleaners, one per line, in
their order. If a cleaner fails, the failure is logged and the next cleaner
runs, because the host works nevertheless. Flows do not need this package:
their tasks undo what they did.

The cleaners need no records. If the driver could not delete something, because
a VIOS was down for example, it remembers this in memory to delete it soon.
After a restart, START finds it again by its name. AGAIN follows START. While a
VIOS is down, a server that is now on another host has left something here, or
a cleaner in AGAIN has failed, PERIODIC repeats them.
"""

import dataclasses
import typing

from nova import exception as nova_exc
from oslo_log import log as logging
from pypowervm import exceptions as pvm_exc

from nova_powervm.virt.powervm.cleanup import logical_ports
from nova_powervm.virt.powervm.cleanup import mappings
from nova_powervm.virt.powervm.cleanup import partition_ids
from nova_powervm.virt.powervm.cleanup import platform_snapshot
from nova_powervm.virt.powervm.cleanup import source_attachments
from nova_powervm.virt.powervm.cleanup import unused_vlans
from nova_powervm.virt.powervm.cleanup import uploads
from nova_powervm.virt.powervm import vif
from nova_powervm.virt.powervm.volume import swaps

LOG = logging.getLogger(__name__)


@dataclasses.dataclass
class Work:
    """The objects that cleaners use.

    :ivar host: the owner of the REST connection (host.Host), connected.
    :ivar disk: disk.driver.DiskAdapter
    :ivar config_drive: media.ConfigDrive
    :ivar volumes: volume.stale.StaleVolumes
    :ivar mgmt: mgmt.ManagementPartition
    :ivar vlans: unused_vlans.UnusedVlans
    :ivar uploads: uploads.BrokenUploads
    :ivar snapshot: platform_snapshot.PlatformSnapshot, read again for each
        clean-up.
    :ivar unseen: set of UUIDs of VIOSes that were down when a cleaner last
        checked mappings, or that an operation has skipped since then.
    :ivar has_failed: bool, whether a cleaner of AGAIN failed when it last ran.
    :ivar without_attachments: set of UUIDs of servers, see source_attachments.
    """

    host: typing.Any
    disk: typing.Any
    config_drive: typing.Any
    volumes: typing.Any
    mgmt: typing.Any
    snapshot: typing.Any = None
    unseen: set = dataclasses.field(default_factory=set)
    has_failed: bool = False
    without_attachments: set = dataclasses.field(default_factory=set)

    def __post_init__(self):
        self.vlans = unused_vlans.UnusedVlans(self.host)
        self.uploads = uploads.BrokenUploads(self.host)


class Cleaner(typing.NamedTuple):
    """One cleaner.

    :ivar what: str, for the log.
    :ivar clean: called with the Work.
    """

    what: str
    clean: typing.Callable


#: Cleaners for servers that Nova has deleted.
AGAIN = (
    Cleaner('mappings of departed servers',
            lambda work: mappings.remove(work.host, work.snapshot)),
    Cleaner('disks of departed servers',
            lambda work: work.disk.clean(work.snapshot)),
    Cleaner('config drives of departed servers',
            lambda work: work.config_drive.clean(work.snapshot)),
    Cleaner('logical ports of vNICs that are gone',
            lambda work: logical_ports.remove(work.host, work.snapshot)),
    Cleaner('attachments of deleted servers',
            lambda work: source_attachments.delete(
                work.snapshot, work.without_attachments)),
    Cleaner('broken uploads', lambda work: work.uploads.remove()),
)
START = (
    Cleaner('what another nova-compute has (nothing is removed)',
            lambda work: _warn_of_others(work)),
    Cleaner('IDs of LPARs that nobody has kept',
            lambda work: partition_ids.keep(work.host, work.snapshot)),
    Cleaner('volumes that servers have left',
            lambda work: work.volumes.start(lambda: work.snapshot.vioses)),
    Cleaner('swaps of volumes that were cut off',
            lambda work: swaps.recover(
                work.host, [*work.snapshot.instances,
                            *work.snapshot.deleted_with_lpar], work.mgmt)),
    Cleaner('ports of departed servers',
            lambda work: vif.remove_stale_ports(work.host)),
    Cleaner('broken uploads',
            lambda work: work.uploads.find(work.snapshot)),
)
PERIODIC = (
    Cleaner('disks that could not be deleted',
            lambda work: work.disk.clean_periodically()),
    Cleaner('config drives that could not be deleted',
            lambda work: work.config_drive.clean_periodically()),
    Cleaner('volumes that could not be taken away',
            lambda work: work.volumes.clean_periodically()),
    Cleaner('VLANs that no partition uses',
            lambda work: work.vlans.remove()),
    Cleaner('what deleted ports have left',
            lambda work: vif.clean_periodically(work.host)),
    Cleaner('what was read of VIOSes and is not needed',
            lambda work: (work.host.vios_looks.drop_idle(),
                          work.host.edits.answers.drop_old())),
    Cleaner('what the start could not look at', lambda work: _again(work)),
)


def start(work):
    """Clean up when nova-compute starts.

    :param work: Work with a snapshot.
    """
    _run(START, work)
    _run_again(work)


def periodic(work):
    """Retry what failed before (no request if nothing failed).

    :param work: Work that start() was called with.
    """
    missed = work.host.take_missed_vioses()
    work.unseen |= missed
    work.volumes.miss(missed)
    _run(PERIODIC, work)


def _again(work):
    if _is_due(work):
        work.snapshot = platform_snapshot.PlatformSnapshot(work.host)
        _run_again(work)


def _is_due(work):
    """Return whether the cleaners of AGAIN have to run once more."""
    if work.unseen and not work.has_failed:
        return not work.unseen.isdisjoint(
            vios_w.uuid for vios_w in work.host.active_vioses())
    return work.has_failed or bool(work.snapshot.awaited)


def _run_again(work):
    are_done = _run(AGAIN, work)
    work.has_failed = not (_note(work) and are_done)


def _warn_of_others(work):
    """Log that another nova-compute also manages this system.

    The cleaners keep its servers. They remove its running uploads, because
    these look like uploads that a crash has interrupted.
    """
    others = work.snapshot.others()
    if others:
        LOG.error(
            'Another nova-compute seems to manage this system: Nova has these '
            'servers, whose LPARs are here, on other hosts, and they were '
            'never on this one. Stop one of the two before it makes servers: '
            'each breaks uploads of the other. %s', ', '.join(
                '%s (host %s)' % (instance.uuid, instance.host)
                for instance in others))


def _note(work):
    """Note which VIOSes are down; return whether that is known."""
    try:
        active = {vios_w.uuid for vios_w in work.snapshot.active_vioses()}
        work.unseen = {vios_w.uuid for vios_w in work.snapshot.vioses
                       if vios_w.uuid not in active}
    except pvm_exc.Error as exc:
        LOG.warning('Cannot determine which VIOSes are up: %s', exc)
        return False
    return True


def _run(cleaners, work):
    """Run cleaners; log failures, and return whether all succeeded."""
    have_failed = False
    for cleaner in cleaners:
        try:
            cleaner.clean(work)
            continue
        except (pvm_exc.Error, nova_exc.NovaException) as exc:
            LOG.warning('Cleaning up %(what)s failed: %(exc)s',
                        {'what': cleaner.what, 'exc': exc})
        except Exception:
            LOG.exception('Cleaning up %s failed.', cleaner.what)
        have_failed = True
    return not have_failed
