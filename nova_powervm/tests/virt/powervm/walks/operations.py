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

"""Operations on a server: how a user asks for them, and what follows.

Each one knows whether Nova has done it, and what a user does if Nova has not:
reboot a server that is in ERROR, and ask again.
"""

import dataclasses
import json
import typing

from oslo_utils import units

from nova_powervm.tests.functional import volumes
from nova_powervm.tests.virt.powervm.walks import effects
from nova_powervm.tests.virt.powervm.walks import scene as walk_scene
from nova_powervm.tests.virt.powervm.walks import view

#: Numbers of a port, and of volumes, that come and go.
PORT = 9
VOLUME, FURTHER, REPLACEMENT = 1, 2, 5


@dataclasses.dataclass(frozen=True)
class Operation:
    """Something that is done to the server of a scene.

    :ivar name: str
    :ivar act: called with the scene; asks Nova for it
    :ivar is_done: called with the scene; whether Nova has done it
    :ivar settle: called with the scene and the operation, if it is not done;
        does what a user would. It returns whether the server is as it should
        be now; if not, it is usable, and the walk goes on with a new one.
    :ivar restore: called with the scene if it is not done; does what a user
        would who has given up. It returns whether the server may be as it was
        before; if so, and if the site is too, it is asked for again.
    :ivar rolls_back: whether the site is as before if Nova has not done it
        and calls the server neither in ERROR nor busy
    :ivar is_exact: whether the site always looks the same when it is done
    :ivar is_cleaned: whether it does so after the next periodic task only
    :ivar starts: whether it is the start of a nova-compute
    """

    name: str
    act: typing.Callable
    is_done: typing.Callable
    settle: typing.Callable
    restore: typing.Callable = lambda scene: False
    rolls_back: bool = True
    is_exact: bool = True
    is_cleaned: bool = False
    starts: bool = False

    def __str__(self):
        return self.name


def ask_again(scene, operation):
    """Reboot a server that is in ERROR, and ask again."""
    mend(scene)
    if not operation.is_done(scene):
        operation.act(scene)
    _check_done(scene, operation)
    return True


def _check_done(scene, operation):
    scene.check(operation.is_done(scene), 'it cannot be done again; the '
                'server is %s; %s' % (scene.status,
                                      scene.cloud.failures[-1:]))


def mend(scene):
    """Do what Nova advises for a server that is in ERROR, or stuck."""
    if scene.status == 'active, image_uploading' or (
            ', ' in scene.status or scene.status.startswith('error')):
        scene.api.reset_state(scene.server)
        scene.api.reboot(scene.server, hard=True)
        scene.check(scene.status == 'active', 'a hard reboot does not mend '
                    'it; the server is %s' % scene.status)


def has_status(status):
    return lambda scene: scene.status == status


def restore(scene):
    """Mend a server, such that it is asked for the same again."""
    mend(scene)
    return True


def _operation(name, act, is_done, settle=ask_again, **kwargs):
    if isinstance(is_done, str):
        is_done = has_status(is_done)
    if settle is ask_again:
        kwargs.setdefault('restore', restore)
    return Operation(name, act, is_done, settle, **kwargs)


# ---- servers come and go ---------------------------------------------------

def make(**kwargs):
    """Make a server; of one that cannot be made nothing is left.

    :param kwargs: see api.API.create
    """
    def give_up(scene):
        # Nova says so of one that is being made when its host dies.
        scene.check(scene.status.startswith(('error', 'building')),
                    scene.status)
        delete_for_good(scene)
        return True

    def settle(scene, operation):
        if scene.server is not None:
            give_up(scene)
        scene.create(**kwargs)
        scene.check(scene.status == 'active', 'a second server cannot be '
                    'made: %s' % scene.cloud.failures[-1:])
        return True

    return _operation('make', lambda scene: scene.create(**kwargs), 'active',
                      settle, restore=give_up, rolls_back=False)


def delete_for_good(scene):
    """Delete the server, again if need be; nothing of it is left."""
    for _attempt in range(2):
        if scene.status != 'gone':
            scene.api.delete(scene.server)
    scene.check(scene.status == 'gone', 'it cannot be deleted: %s' %
                scene.status)
    scene.clean_periodically(scene.empty)
    scene.forget()


def _delete(scene):
    return scene.api.delete(scene.server)


def _delete_again(scene, _operation):
    scene.check('error' in scene.status, scene.status)
    delete_for_good(scene)
    return True


DELETE = _operation('delete', _delete, 'gone', _delete_again)

# ---- power -----------------------------------------------------------------

STOP = _operation('stop', lambda scene: scene.api.stop(scene.server),
                  'stopped', rolls_back=False)
START = _operation('start', lambda scene: scene.api.start(scene.server),
                   'active', rolls_back=False)
SOFT_REBOOT = _operation(
    'soft reboot', lambda scene: scene.api.reboot(scene.server), 'active',
    rolls_back=False)
HARD_REBOOT = _operation(
    'hard reboot', lambda scene: scene.api.reboot(scene.server, hard=True),
    'active', rolls_back=False)

# ---- images ----------------------------------------------------------------


def _is_rescued(scene):
    """Whether the server runs from its rescue disk."""
    return (scene.status == 'rescued' and scene.lpar().is_on and
            scene.lpar().boot['disk'].startswith('r_'))


# The disk is mapped by the first VIOS that answers.
RESCUE = _operation('rescue', lambda scene: scene.api.rescue(scene.server),
                    _is_rescued, is_exact=False)


def _rescue_once_more(scene, operation):
    """The disk of a rescue that did not end well goes with the next."""
    mend(scene)
    scene.api.rescue(scene.server)
    operation.act(scene)
    _check_done(scene, operation)
    return True


UNRESCUE = _operation(
    'unrescue', lambda scene: scene.api.unrescue(scene.server), 'active',
    _rescue_once_more)


def _rebuild_again(scene, operation):
    """Its disks may be gone: only another rebuild can mend it."""
    scene.api.reset_state(scene.server)
    operation.act(scene)
    _check_done(scene, operation)
    return True


REBUILD = _operation(
    'rebuild', lambda scene: scene.api.rebuild(scene.server), 'active',
    _rebuild_again, rolls_back=False)


def _snapshot(scene):
    failure, scene.image = scene.api.snapshot(scene.server)
    return failure


def _has_snapshot(scene):
    """Whether Glance has all bytes of the boot disk."""
    glance = scene.cloud.glance
    image = glance.images.get(scene.image)
    if scene.status != 'active' or image is None or (
            image['status'] != 'active'):
        return False
    [disk] = [disk for name, disk in scene.own_disks().items()
              if name.startswith('b')]
    return glance.upload(scene.image).digest() == disk.digest()


SNAPSHOT = _operation('snapshot', _snapshot, _has_snapshot)

# ---- resizes and moves -----------------------------------------------------


def resize(flavor):
    """Resize the server on its host.

    :param flavor: nova.objects.Flavor
    """
    def resize_again(scene, operation):
        mend(scene)
        if scene.server.read().flavor.id != flavor.id:
            return ask_again(scene, operation)
        # nova-compute was killed, and the hard reboot made it that large.
        scene.check(scene.lpar().is_on and scene.lpar().memory.desired ==
                    flavor.memory_mb, 'it has not the size of its flavor')
        return False

    def give_up(scene):
        mend(scene)
        return scene.server.read().flavor.id != flavor.id

    return _operation(
        'resize', lambda scene: scene.api.resize(scene.server, flavor),
        'resized', resize_again, restore=give_up)


def _check_usable(scene):
    """The server runs where Nova says it is, and is as large."""
    mend(scene)
    lpar, flavor = scene.lpar(), scene.server.read().flavor
    scene.check(lpar.is_on and lpar.memory.desired == flavor.memory_mb,
                'it does not run on %s, as large as its flavor' %
                scene.server.host)
    return flavor


def _is_confirmed(scene):
    """Nova has done it, and the boot disk is as large as the flavor says."""
    if scene.status != 'active':
        return False
    root_bytes = scene.server.read().flavor.root_gb * units.Gi
    return all(disk.size >= root_bytes
               for name, disk in scene.own_disks().items()
               if name.startswith('b_'))


def _use_confirmed(scene, _operation):
    """What its former host still has goes with the server."""
    has_stayed = len(scene.cloud.site.hosts) == 1
    if scene.status == 'active' or has_stayed and scene.status == 'resized':
        # The disk did not grow, or nova-compute was killed: a hard reboot
        # makes the disk larger.
        scene.api.reset_state(scene.server)
    _check_usable(scene)
    return has_stayed


def _use_reverted(scene, _operation):
    """It is usable; Nova may have kept its new size."""
    return _check_usable(scene).id != walk_scene.LARGE.id


CONFIRM = _operation('confirm', lambda scene: scene.api.confirm(scene.server),
                     _is_confirmed, _use_confirmed, rolls_back=False,
                     is_cleaned=True)
REVERT = _operation('revert', lambda scene: scene.api.revert(scene.server),
                    'active', _use_reverted)
SOURCE, TARGET = 'compute1', 'compute2'


def _stay(scene):
    """Use the server where it was."""
    mend(scene)
    return scene.server.host == SOURCE


def _move_again(scene, operation):
    """Use the server where it is; ask again if that is where it was."""
    mend(scene)
    scene.check(scene.lpar().is_on, 'it does not run on %s' %
                scene.server.host)
    return (scene.server.host == SOURCE and
            ask_again(scene, operation))


def migrate(flavor=None):
    """Move a server that is off in the meantime.

    :param flavor: nova.objects.Flavor that it gets as well
    """
    return _operation(
        'migrate',
        lambda scene: scene.api.resize(scene.server, flavor, TARGET),
        'resized', _move_again, restore=_stay)


def _is_back(scene):
    return scene.status == 'active' and scene.server.host == SOURCE


MIGRATE_BACK = _operation(
    'migrate back', lambda scene: scene.api.revert(scene.server), _is_back,
    _move_again, rolls_back=False, is_cleaned=True)


def _evacuate(scene):
    """Evacuate the server; nova-compute does not answer any more.

    It is wrongly thought dead: the LPAR on its host runs on.
    """
    if SOURCE in scene.cloud.computes:
        scene.cloud.stop(SOURCE)
    return scene.api.evacuate(scene.server, TARGET)


def _is_evacuated(scene):
    return scene.status == 'stopped' and scene.server.host == TARGET


def _evacuate_again(scene, operation):
    """The host comes back; the server is used where Nova says it is."""
    scene.cloud.start(SOURCE)
    scene.check_always()
    mend(scene)
    if scene.status == 'stopped':
        scene.api.start(scene.server)
    scene.check(scene.status == 'active' and scene.lpar().is_on,
                'it cannot be used; it is %s on %s' % (
                    scene.status, scene.server.host))
    return False


# Nova stops later what it could not stop at once.
EVACUATE = _operation('evacuate', _evacuate, _is_evacuated, _evacuate_again,
                      rolls_back=False, is_cleaned=True)


def _restart(scene):
    """Start nova-compute on the first host, if it can start."""
    try:
        scene.cloud.restart(SOURCE)
    except (Exception, effects.Killed) as exc:
        scene.cloud.failures.append(exc)


def _has_started(scene):
    """Whether nova-compute is up, and the server is as it was."""
    return (SOURCE in scene.cloud.computes and
            scene.status in ('active', 'stopped'))


def _restart_again(scene, operation):
    scene.check(SOURCE not in scene.cloud.computes, 'the server is ' +
                scene.status)
    operation.act(scene)
    _check_done(scene, operation)
    return True


RESTART = _operation(
    'restart', _restart, _has_started, _restart_again, rolls_back=False,
    is_cleaned=True, starts=True)

# ---- what no user asks for -----------------------------------------------


def _boot_host(scene):
    """Let the host boot: its LPARs are off until nova-compute starts."""
    scene.lpar().halted()
    scene.begin()
    _restart(scene)


def _is_up(scene):
    return (SOURCE in scene.cloud.computes and scene.status == 'active' and
            scene.lpar().is_on)


def _start_by_hand(scene, operation):
    """Start what the start of nova-compute has not."""
    if SOURCE not in scene.cloud.computes:
        scene.cloud.start(SOURCE)
    mend(scene)
    scene.cloud.run_periodic_tasks()
    if scene.status == 'stopped':
        scene.api.start(scene.server)
    scene.check(operation.is_done(scene), 'the server is %s' % scene.status)
    return True


BOOT_HOST = _operation('boot of the host', _boot_host, _is_up,
                       _start_by_hand, rolls_back=False, starts=True)
PERIODIC = _operation(
    'periodic tasks', lambda scene: scene.cloud.run_periodic_tasks(),
    lambda scene: scene.status == 'active')

# ---- ports and volumes -----------------------------------------------------


def _has_port(scene):
    return PORT in scene.cloud.ports.numbers(scene.server.uuid)


ATTACH_PORT = _operation(
    'attach port', lambda scene: scene.api.attach_port(scene.server, PORT),
    _has_port)
DETACH_PORT = _operation(
    'detach port', lambda scene: scene.api.detach_port(scene.server, PORT),
    lambda scene: not _has_port(scene), rolls_back=False)


def _has_volume(scene, number):
    return volumes.VOLUME % number in [
        bdm.volume_id for bdm in scene.server.bdms()]


def _is_attached(scene, number):
    """Whether the volume is attached.

    Nova knows where it is before the driver attaches it, and goes on with
    nothing if it is killed then.
    """
    return not scene.was_killed and any(
        bdm.volume_id == volumes.VOLUME % number and
        json.loads(bdm.connection_info or '{}')
        for bdm in scene.server.bdms())


def attach(number):
    def _attach_again(scene, operation):
        if _has_volume(scene, number):
            # nova-compute was killed: Nova can neither go on nor detach it.
            return False
        return ask_again(scene, operation)

    def give_up(scene):
        mend(scene)
        return not _has_volume(scene, number)

    return _operation(
        'attach %d' % number,
        lambda scene: scene.api.attach(scene.server, number),
        lambda scene: _is_attached(scene, number), _attach_again,
        restore=give_up)


def detach(number):
    return _operation(
        'detach %d' % number,
        lambda scene: scene.api.detach(scene.server, number),
        lambda scene: not _has_volume(scene, number), rolls_back=False)


def _volume(scene, number):
    """The simulated volume of a number, simulator.san.volume.Volume."""
    return scene.cloud.cinder.lun(volumes.VOLUME % number)


def _paths(scene, number):
    """What the server sees of a volume: list of guest_disks.Disk."""
    return [disk for disk in view.disks(scene.lpar())
            if disk.volume == volumes.VOLUME % number]


def _extend(scene):
    size_gb = _volume(scene, VOLUME).size // volumes.GIB + 1
    return scene.api.extend(scene.server, VOLUME, size_gb)


def _is_extended(scene):
    """Whether the server sees the whole volume on each path."""
    return scene.status == 'active' and {
        path.size for path in _paths(scene, VOLUME)} == {
            _volume(scene, VOLUME).size}


EXTEND = _operation('extend', _extend, _is_extended, rolls_back=False)


def make_small_volumes(scene, size_gb):
    """Make the volumes of a swap, those that are not there.

    :param size_gb: float, GiB
    """
    for number in (VOLUME, FURTHER, REPLACEMENT):
        if volumes.VOLUME % number not in scene.cloud.site.san.volumes:
            scene.cloud.cinder.create(volumes.VOLUME % number, size_gb)


def _swap(scene):
    """Swap a volume; Cinder deletes what was replaced."""
    scene.replaced = _volume(scene, VOLUME).naa
    failure = scene.api.swap(scene.server, VOLUME, REPLACEMENT)
    make_small_volumes(scene, _volume(scene, VOLUME).size / volumes.GIB)
    return failure


def _is_swapped(scene):
    return (scene.status == 'active' and scene.lpar().is_on and
            _volume(scene, VOLUME).naa != scene.replaced)


SWAP = _operation('swap', _swap, _is_swapped)
