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

"""Which prior states, operations and effects are tried together.

Each pair of them that makes sense is in some row, not each combination.
``python -m nova_powervm.tests.virt.powervm.walks.pairs`` prints the rows.
"""

import functools
import itertools
import typing

from nova_powervm.tests.virt.powervm.walks import counts
from nova_powervm.tests.virt.powervm.walks import effects
from nova_powervm.tests.virt.powervm.walks import operations as ops
from nova_powervm.tests.virt.powervm.walks import outages
from nova_powervm.tests.virt.powervm.walks import platforms
from nova_powervm.tests.virt.powervm.walks import scene
from nova_powervm.tests.virt.powervm.walks import states

PLATFORMS = {platform.name: platform for platform in (
    platforms.VOLUME_GROUP, platforms.POOL, platforms.VSCSI, platforms.NPIV,
    platforms.TWO_POOL, platforms.TWO_VSCSI)}
#: Where ports are of other types: what SUBJECTS says of ports is tried there.
PORT_PLATFORMS = {platform.name: platform for platform in (
    platforms.OVS, platforms.SRIOV)}
_PORTS = 'attach port', 'detach port'
_DISKS = 'vg', 'ssp'
_VOLUMES = 'vscsi', 'npiv'
_MOVES = 'ssp2', 'vscsi2'
#: A volume that is there before each row, and one that comes and goes.
_COMES = ops.FURTHER


class Subject(typing.NamedTuple):
    """An operation, and what it needs.

    :ivar operation: operations.Operation
    :ivar platforms: names of the platforms that it is tried on
    :ivar prepare: called with the scene, whose server runs
    """

    operation: ops.Operation
    platforms: typing.Sequence
    prepare: typing.Callable = lambda scene: None


SUBJECTS = {
    'make': Subject(ops.make(), _DISKS + _VOLUMES),
    'delete': Subject(ops.DELETE, _DISKS + _VOLUMES),
    'stop': Subject(ops.STOP, _DISKS),
    'start': Subject(ops.START, _DISKS + _VOLUMES,
                     lambda scene: scene.api.stop(scene.server)),
    'soft reboot': Subject(ops.SOFT_REBOOT, _DISKS),
    'hard reboot': Subject(ops.HARD_REBOOT, _DISKS + _VOLUMES),
    'rebuild': Subject(ops.REBUILD, _DISKS + _VOLUMES),
    'rescue': Subject(ops.RESCUE, _DISKS),
    'unrescue': Subject(ops.UNRESCUE, _DISKS,
                        lambda scene: scene.api.rescue(scene.server)),
    'snapshot': Subject(ops.SNAPSHOT, ('ssp',)),
    'resize': Subject(ops.resize(scene.LARGE), _DISKS + _VOLUMES),
    'confirm': Subject(
        ops.CONFIRM, _DISKS + _VOLUMES,
        lambda told: told.api.resize(told.server, scene.LARGE)),
    'revert': Subject(
        ops.REVERT, _DISKS + _VOLUMES,
        lambda told: told.api.resize(told.server, scene.LARGE)),
    'migrate': Subject(ops.migrate(), _MOVES),
    'confirm move': Subject(
        ops.CONFIRM, _MOVES,
        lambda scene: scene.api.resize(scene.server, host=ops.TARGET)),
    'migrate back': Subject(
        ops.MIGRATE_BACK, _MOVES,
        lambda scene: scene.api.resize(scene.server, host=ops.TARGET)),
    'evacuate': Subject(ops.EVACUATE, ('ssp2',)),
    'attach': Subject(ops.attach(_COMES), _VOLUMES),
    'detach': Subject(ops.detach(_COMES), _VOLUMES,
                      lambda scene: scene.api.attach(scene.server, _COMES)),
    'extend': Subject(ops.EXTEND, ('vscsi',)),
    'swap': Subject(ops.SWAP, ('vscsi',)),
    'attach port': Subject(ops.ATTACH_PORT, _DISKS),
    'detach port': Subject(
        ops.DETACH_PORT, _DISKS,
        lambda scene: scene.api.attach_port(scene.server, ops.PORT)),
    'restart': Subject(ops.RESTART, _DISKS + _VOLUMES),
    'boot of the host': Subject(ops.BOOT_HOST, ('vg',)),
    'periodic tasks': Subject(ops.PERIODIC, _DISKS + _VOLUMES),
}


def server_of(operation, platform):
    """How a server is made, see api.API.create.

    :param operation: str, its name
    :param platform: str, its name
    """
    if (platform in _DISKS or platform in PORT_PLATFORMS or
            platform == 'ssp2' or
            operation in ('attach', 'detach')):
        return {}
    return {'volumes': (ops.VOLUME,), 'boots': platform in _MOVES}


def images_of(platform):
    """Numbers of the images that servers are made and rescued from."""
    return (0, 1) if platform in _DISKS else (0,)


class Row(typing.NamedTuple):
    """What is tried together; all but the number are names."""

    operation: str
    kind: str
    lpar: str
    vioses: str
    others: str
    platform: str
    position: str
    effect: str = ''
    host: str = ops.SOURCE

    @property
    def states(self):
        """The states.State that the site is in before the operation."""
        return [states.BY_NAME[name]
                for name in (self.others, self.lpar, self.vioses)]

    @property
    def is_plain(self):
        """Whether the effect has to hit, as nothing else is in its way."""
        if (self.kind == 'no answer' and
                SUBJECTS[self.operation].operation.starts):
            # A logon has a deadline of its own.
            return False
        return (self.lpar == 'lpar untouched' and
                self.vioses == 'vioses up' and
                self.others != 'half-finished' and self.kind != 'none' and
                self.effect not in ('etag_412', 'dropped_after') and
                (_counts(self)[1] > 0 or self.kind == 'failed'))

    @property
    def name(self):
        """str, for the name of a test"""
        plain = {'lpar untouched', 'vioses up', 'lookalikes'}
        parts = [self.operation, self.effect, self.position, *[
            name for name in (self.lpar, self.vioses, self.others)
            if name not in plain]]
        if self.platform in _MOVES:
            parts.insert(2, self.host)
        return '_'.join(parts).replace(' ', '_').replace('-', '_')


#: What a row is chosen from, in the order of Row.
CHOICES = (
    tuple(SUBJECTS), tuple(outages.KINDS),
    tuple(state.name for state in states.LPARS),
    tuple(state.name for state in states.VIOSES),
    tuple(state.name for state in states.OTHERS),
    tuple(PLATFORMS), ('first', 'middle', 'last'))
#: States of the LPAR that an operation can be asked for in, where it is not
#: any but 'lpar on'.
_LPARS = {
    'make': {'lpar untouched'},
    'boot of the host': {'lpar untouched'},
    'start': {'lpar untouched', 'lpar on', 'lpar crashed', 'lpar missing',
              'id reused'},
}
_ANY_LPAR = {state.name for state in states.LPARS} - {'lpar on'}


def makes_sense(row):
    """Whether all that is in a row can come together.

    :param row: Row, or a sequence like one; None for what is not chosen yet
    """
    row = Row(*row)
    if row.lpar and row.operation and (
            row.lpar not in _LPARS.get(row.operation, _ANY_LPAR)):
        return False
    if (row.platform and row.operation and
            row.platform not in SUBJECTS[row.operation].platforms):
        return False
    # With both VIOSes down nothing is to be expected.
    if row.kind == 'vios down' and row.vioses in ('vios1 down', 'vios2 down'):
        return False
    # Where both hosts take part, who was killed is not who is asked again.
    if row.others == 'half-finished' and row.operation in ('evacuate', 'swap'):
        return False
    # Nova ends a swap in a 'finally', which even the dead would come to here.
    if row.kind == 'killed' and row.operation == 'swap':
        return False
    return not (row.kind == 'none' and row.position in ('middle', 'last'))


def pairs_of(row):
    """The pairs that a row covers: set of ((place, name), (place, name))."""
    return set(itertools.combinations(enumerate(row[:len(CHOICES)]), 2))


def _all_pairs():
    """Each pair that makes sense: set of ((place, name), (place, name))."""
    return {pair for pair in itertools.combinations(
        [(position, name) for position, names in enumerate(CHOICES)
         for name in names], 2)
        if pair[0][0] != pair[1][0] and any(
            makes_sense(_complete({0: operation, **dict(pair)}))
            for operation in SUBJECTS)}


def _complete(chosen):
    """Make a row of what was chosen so far: dict of place -> name."""
    return [chosen.get(position) for position in range(len(CHOICES))]


def _choose(first, allowed, left):
    """Fill up a row that begins with a pair.

    :param allowed: set of the pairs that make sense
    :param left: set of the pairs that are in no row yet
    :returns: list of str, with as many of these as can easily be had
    """
    chosen = dict(first)
    while len(chosen) < len(CHOICES):
        best = (-1,)
        # All else has to fit the operation.
        for position in range(len(CHOICES)) if 0 in chosen else (0,):
            if position in chosen:
                continue
            for name in CHOICES[position]:
                new = {tuple(sorted(((position, name), other)))
                       for other in chosen.items()}
                if new <= allowed and len(new & left) > best[0]:
                    best = len(new & left), position, name
        chosen[best[1]] = best[2]
    return _complete(chosen)


@functools.lru_cache(maxsize=1)
def rows():
    """Choose rows that cover each pair; always the same.

    :returns: list of Row
    """
    allowed = _all_pairs()
    left, made, met = set(allowed), [], set()
    while left:
        row = Row(*_choose(min(left), allowed, left))
        left -= pairs_of(row)
        # What has met the least of that row: the first of equals.
        effect = max(outages.KINDS[row.kind], key=lambda found: len(
            {(found.name, name) for name in row} - met))
        met |= {(effect.name, name) for name in row}
        made.append(row._replace(effect=effect.name,
                                 host=_host_of(row, len(made) % 2)))
    return made


def port_rows():
    """The rows that bring and take ports, for ports of other types.

    :returns: list of Row
    """
    return [row._replace(platform=platform) for platform in PORT_PLATFORMS
            for row in rows() if row.operation in _PORTS]


def _host_of(row, is_odd):
    """Choose the host that goes wrong: one that has something to do."""
    if row.operation == 'evacuate' or is_odd and row.operation in (
            'migrate', 'migrate back'):
        return ops.TARGET
    return ops.SOURCE


def effect_of(row):
    """The effect of a row, see effects and outages.

    It counts requests that change something, if there are such.
    """
    if not _counts(row)[1]:
        return effects.EFFECTS.get(row.effect, outages.EFFECTS[row.effect])
    return outages.EFFECTS[row.effect]


def request_of(row):
    """Which request of an operation is to break, from 1.

    :param row: Row
    :returns: int; of those that change something, if there are such
    """
    requests, writes = _counts(row)
    number = writes or requests
    return max(1, {'first': 1, 'middle': (number + 1) // 2,
                   'last': number}[row.position])


def _counts(row):
    """How many requests, and writes, the operation sends to the host."""
    return counts.COUNTS.get((row.operation, row.platform, row.host), (0, 0))


def main():
    covered = set()
    for number, row in enumerate(rows(), 1):
        covered |= pairs_of(row)
        print('%3d %-6s %s' % (number, row.platform, row.name))
    for row in port_rows():
        print('    %-6s %s' % (row.platform, row.name))
    print('%d rows cover %d pairs' % (number, len(covered)))


if __name__ == '__main__':
    main()
