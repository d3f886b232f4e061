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

"""What a site may be like before an operation, which no operation makes.

Each state is small and has a name, and states of different kinds can be
combined. What belongs to somebody else must be the same after any operation.
"""

import json

from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import storage
from nova_powervm.tests.virt.powervm.walks import view

#: Names of what belongs to somebody else.
LPAR, DISK, MEDIUM, BACKUP = ('theirs', 'oracle_data', 'rhel9.iso',
                              'lv_backup')
NEWCOMER, NEW_DISK = 'newcomer', 'new_data'
#: Disks, and a medium, that are named as if they were the driver's: of a
#: server, of the image cache, and of a config drive.
LOOKALIKES = ('b_operatorsdisk', 'e0_database')
MEDIUM_LIKE_OURS = 'cfg_router.iso'
_FOREIGN = (LPAR, DISK, MEDIUM, BACKUP, NEWCOMER, NEW_DISK,
            MEDIUM_LIKE_OURS) + LOOKALIKES
_SIZE = 1024 ** 3
#: What a partition tells some time after its boot only.
_VOLATILE = 'rmc', 'os_version'
#: The number of the other server.
NEIGHBOUR = 2
#: The VIOS that has the disks of the volume groups, and the media.
VIOS = 'vios1'


def foreign(site):
    """Describe all that belongs to somebody else, byte for byte.

    :param site: simulator.site.Site
    :returns: dict of str -> str, see simulator.fingerprint
    """
    return {path: _settled(state)
            for path, state in site.fingerprint().items()
            if any(name in path or name in state for name in _FOREIGN)}


def _settled(text):
    if not text.startswith('{'):
        return text
    return json.dumps({key: value for key, value in json.loads(text).items()
                       if key not in _VOLATILE})


class State:
    """A state that a scene is in before an operation.

    :cvar name: str
    :cvar kind: str; a row has one state of each kind
    """

    name = kind = ''

    def enter(self, scene, host):
        """Make it so.

        :param scene: scene.Scene
        :param host: Nova's name of the host that it is about
        """

    def undo(self, scene, host):
        """Undo what an operator would undo, after the operation."""

    def clear(self, scene, host):
        """Remove what is left, at the end, if it is there."""

    def __str__(self):
        return self.name


# ---- the LPAR of the server -------------------------------------------------

class LparState(State):
    """The LPAR is as Nova has left it."""

    name, kind = 'lpar untouched', 'lpar'


class Off(LparState):
    """The guest has shut itself down, and Nova does not know yet."""

    name = 'lpar off'

    def enter(self, scene, host):
        scene.lpar().halted()


class On(LparState):
    """Somebody has started the LPAR, and Nova does not know yet."""

    name = 'lpar on'

    def enter(self, scene, host):
        scene.lpar().booted()


class Crashed(LparState):
    """The operating system has crashed."""

    name = 'lpar crashed'

    def enter(self, scene, host):
        lpar = scene.lpar()
        if not lpar.is_on:
            lpar.booted()
        lpar.crashed()


class Missing(LparState):
    """Somebody has deleted the LPAR."""

    name = 'lpar missing'

    def enter(self, scene, host):
        _operator(scene, scene.server.host).delete_partition(
            scene.lpar().uuid)


class Reused(Missing):
    """And somebody's new LPAR has its partition ID."""

    name = 'id reused'

    def enter(self, scene, host):
        self._host = scene.server.host
        id_ = scene.lpar().partition_id
        super().enter(scene, host)
        _make_theirs(scene, self._host, NEWCOMER, NEW_DISK, id=id_)

    def clear(self, scene, host):
        _remove_theirs(scene, self._host, NEWCOMER, NEW_DISK)


# ---- the VIOSes -------------------------------------------------------------

class ViosState(State):
    """All VIOSes are up."""

    name, kind = 'vioses up', 'vioses'


class ViosDown(ViosState):
    """A VIOS is down, and back after the operation.

    :param vios: str, its name
    """

    def __init__(self, vios):
        self.vios = vios
        self.name = vios + ' down'

    def enter(self, scene, host):
        _operator(scene, host).vios(self.vios).halted()

    def undo(self, scene, host):
        start_vioses(scene)


def start_vioses(scene):
    """Start each VIOS that is down."""
    for host in scene.cloud.site.hosts:
        with host.site.lock:
            for vios in host.store.all('VirtualIOServer'):
                if not vios.is_on:
                    vios.booted()


def make_repositories(site):
    """Give each VIOS a media repository.

    The driver makes one where it needs it, and leaves it there.
    """
    with site.lock:
        for host in site.hosts:
            for vios in host.store.all('VirtualIOServer'):
                group = vios.volume_groups[0]
                if vios.repository is None:
                    group.repository = storage.MediaRepository(
                        group, 'vopt', _SIZE)
                    group.touch('Other')
                    vios.touch('Other')


# ---- what else is there -----------------------------------------------------

class OthersState(State):
    """Unused storage of somebody else that has names like ours."""

    name, kind = 'lookalikes', 'others'

    def enter(self, scene, host):
        for name in LOOKALIKES:
            _make_disk(scene, host, name)
        _operator(scene, host).create_medium(VIOS, MEDIUM_LIKE_OURS, b'cfg')

    def clear(self, scene, host):
        _remove_storage(scene, host, *LOOKALIKES, MEDIUM_LIKE_OURS)


class Foreign(OthersState):
    """An LPAR of somebody else, with a disk, a medium and a port."""

    name = 'foreign lpar'

    def enter(self, scene, host):
        _make_theirs(
            scene, host, LPAR, DISK,
            medium={'vios': VIOS, 'name': MEDIUM, 'content': b'medium'},
            adapters=[{'vlan': 101}])

    def clear(self, scene, host):
        _remove_theirs(scene, host, LPAR, DISK, MEDIUM)


class AnyClient(OthersState):
    """A disk of somebody else, on an adapter for any client."""

    name = 'any client'

    def enter(self, scene, host):
        _make_disk(scene, host, BACKUP)
        _operator(scene, host).map_storage(VIOS, BACKUP)

    def clear(self, scene, host):
        _remove_storage(scene, host, BACKUP)


class LostNeighbour(OthersState):
    """Another server of Nova has lost its LPAR; its disks must live."""

    name = 'lost neighbour'

    def enter(self, scene, host):
        self._neighbour = scene.make_neighbour(NEIGHBOUR, host)
        lpar = view.partition_of(scene.host(host), self._neighbour.uuid)
        _operator(scene, host).delete_partition(lpar.uuid)

    def clear(self, scene, host):
        """A hard reboot brings it back, with what it had written."""
        scene.end_neighbour(self._neighbour)


class HalfFinished(OthersState):
    """nova-compute was killed in the same operation before.

    Only who runs a row knows the operation: see row.Row.
    """

    name = 'half-finished'


def _operator(scene, host):
    return scene.cloud.host_of(host).operator


def _make_disk(scene, host, name):
    """Make a disk of somebody else where servers' disks are, too."""
    operator = _operator(scene, host)
    content = b'the content of ' + name.encode()
    if scene.cloud.platform.options['disk_driver'] == 'ssp':
        return operator.create_logical_unit(name, _SIZE, content)
    return operator.create_disk(
        VIOS, scene.cloud.platform.options['volume_group_name'], name, _SIZE,
        content)


def _make_theirs(scene, host, name, disk, **kwargs):
    """Make an LPAR of somebody else, which runs from a disk."""
    operator = _operator(scene, host)
    operator.create_partition(name, memory_mb=1024, **kwargs)
    _make_disk(scene, host, disk)
    operator.map_storage(VIOS, disk, name)
    operator.partition(name).booted()


def _remove_theirs(scene, host, name, *storage):
    _ignore(_operator(scene, host).delete_partition, name)
    _remove_storage(scene, host, *storage)


def _remove_storage(scene, host, *names):
    operator = _operator(scene, host)
    for name in names:
        _ignore(operator.unmap_storage, VIOS, name)
        delete = operator.delete_disk
        if name.endswith('.iso'):
            delete = operator.delete_medium
        elif scene.cloud.platform.options['disk_driver'] == 'ssp':
            _ignore(operator.delete_logical_unit, name)
            continue
        _ignore(delete, VIOS, name)


def _ignore(remove, *args):
    """Remove something; the driver may have removed it by mistake."""
    try:
        remove(*args)
    except errors.NotFound:
        pass


LPARS = (LparState(), Off(), On(), Crashed(), Missing(), Reused())
VIOSES = (ViosState(), ViosDown('vios1'), ViosDown('vios2'))
OTHERS = (OthersState(), Foreign(), AnyClient(), LostNeighbour(),
          HalfFinished())
BY_NAME = {state.name: state for state in LPARS + VIOSES + OTHERS}
