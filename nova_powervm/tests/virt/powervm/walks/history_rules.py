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

"""Which steps there can be next, with which arguments, and how often.

A rule whose list of choices is empty cannot be taken. Rules leave out what
the driver is known to fail at: see KNOWN.
"""

import typing

from nova_powervm.simulator.migration import fc
from nova_powervm.tests.virt.powervm.walks import effects
from nova_powervm.tests.virt.powervm.walks import history
from nova_powervm.tests.virt.powervm.walks import history_hmc
from nova_powervm.tests.virt.powervm.walks import history_look
from nova_powervm.tests.virt.powervm.walks import history_moves
from nova_powervm.tests.virt.powervm.walks import view

#: The most requests that a fault lets pass.
MOST_REQUESTS = 25

#: What the model avoids, since the driver is known to fail there: name ->
#: why, and which issue is to mend it. test_regressions_* have a test for each.
KNOWN = {
    'deleted with a device':
        'A VIOS has found the volume of a server, and nova-compute was killed '
        'before Nova had its UDID. Once Nova has deleted the server, nothing '
        'proves whose the device is: a limit, see the operator guide, '
        '"What the driver deletes".',
    'lost before its arrival is noted':
        'A server with virtual Fibre Channel comes in a live migration while '
        'nova-compute of the target is down, and an operator deletes its LPAR '
        'before it starts; or that of the source is, and the user deletes the '
        'server. The mappings have nothing but the ID of the LPAR, which '
        'nobody has noted: a limit, see the same page.',
}


class Rule(typing.NamedTuple):
    """A step that can be taken.

    :ivar step: str, name of the method of History
    :ivar weight: int, how often it is taken beside others
    :ivar choices: function of a History: list of tuples of arguments
    :ivar is_numbered: bool, whether a number for what it makes comes last
    :ivar is_of_hmc: bool, whether only an HMC has it
    """

    step: str
    weight: int
    choices: typing.Callable
    is_numbered: bool = False
    is_of_hmc: bool = False

    def arguments(self, played, chosen):
        """Complete one of the choices."""
        return chosen + ((played.next_number,) if self.is_numbered else ())

    def allows(self, played, arguments):
        """Whether the step can be taken with some arguments."""
        return arguments[:len(arguments) - self.is_numbered] in (
            self.choices(played))


# ---- hosts ---------------------------------------------------------------

def _up(played):
    """The hosts whose nova-compute is up."""
    return [host for host in played.hosts if played.is_up(host)]


def _serving(played):
    """The hosts where things can be made on the first VIOS."""
    return [host for host, name in played.vioses(up=True) if name == 'vios1']


def _starts(played):
    return [(host,) for host in played.hosts if not played.is_up(host)]


def _running(played):
    """The hosts whose nova-compute can be stopped or started again."""
    return [(host,) for host in _up(played)]


def _periodic_passes(played):
    """Whether the periodic tasks may find something new."""
    return [()] if _up(played) and not played.has_just('periodic') else []


def _comparisons(played):
    """Whether what placement is told can be compared with what is there."""
    return [] if played.vioses(up=False) else _periodic_passes(played)


def _faults(played):
    if played.has_fault():
        return []
    return [(effect, number, host) for host in played.hosts
            for number in range(1, MOST_REQUESTS + 1)
            for effect in sorted(effects.EFFECTS)]


def _vioses_down(played):
    return [] if played.vioses(up=False) else played.vioses(up=True)


def _vioses_up(played):
    return played.vioses(up=False)


# ---- servers -------------------------------------------------------------

def _in_state(*statuses, condition=None):
    """Servers in one of some states, on hosts that are up."""
    return lambda played: [
        (number,) for number in played.in_state(*statuses)
        if condition is None or condition(played, number)]


def _movable(played, number):
    """Whether a server can be taken to the other host."""
    return len(played.hosts) > 1 and not played.cloud.platform.is_hmc and (
        played.has_shared_disks or not played.has_own_disks(number))


def _can_migrate(played, number):
    return len(_up(played)) > 1 and _movable(played, number)


def _both_are_up(played, number):
    """Whether the hosts that a resized server is on are up."""
    if played.cloud.platform.is_hmc:
        return played.is_up(played.host_number(number))
    return len(_up(played)) == len(played.hosts)


def _boots_from_image(played, number):
    return played.boots_from_image(number)


def _makes(played):
    """Servers with up to two volumes, and maybe the one that others have.

    A server may boot from the first of its own volumes.
    """
    if len(played.servers) >= history.MOST_SERVERS:
        return []
    free = played.free_volumes()[:2]
    return [(host, flavor, (*free[:count], *shared), boots)
            for host in _up(played)
            for flavor in ('small', 'with disks', 'large')
            for shared in ([], played.shareable())[:1 + played.has_volumes]
            for count in range(len(free) + 1)
            # Of the others, only those in a pool can move while they run.
            for boots in ((False, True, True) if count else (False,))]


def _deletes(played):
    return [(number,) for number in played.servers
            if (played.look(number).status != 'resized' or
                _both_are_up(played, number)) and not (
                    'deleted with a device' in KNOWN and
                    _has_unmapped_device(played, number)) and not (
                        'lost before its arrival is noted' in KNOWN and
                        _has_gone_unseen(played, number))]


def _has_unmapped_device(played, number):
    """Whether a host that is down has a device that its server has not."""
    host = played.host_number(number)
    return bool(host) and not played.is_up(host) and (
        played.has_unmapped_device(number))


def _has_gone_unseen(played, number):
    """Whether a server with Fibre Channel is on another host than Nova says.

    Nova would have the other host delete its LPAR, for it deletes the server.
    """
    known = played.look(number).host
    if not known or played.is_up(played.host_number(number)):
        return False
    others = (view.partition_of(host, played.servers[number].uuid)
              for host in played.cloud.site.hosts
              if host is not played.cloud.host_of(known))
    return any(lpar is not None and fc.mappings_of(lpar) for lpar in others)


def _mends(played):
    return [(number,) for number in played.stuck()]


def _resizes(played):
    return [(number, flavor)
            for number in played.in_state('active', 'stopped')
            for flavor in ('wide', 'large', 'small')
            if flavor != played.flavor(number)]


def _evacuations(played):
    return [
        (number, is_dead) for number in played.servers
        for is_dead in (True, False)
        if len(played.hosts) > 1 and not played.cloud.platform.is_hmc and
        played.look(number).host and
        played.look(number).status in ('active', 'stopped', 'error') and
        played.is_up(3 - played.host_number(number))]


def _attachments(played):
    return [(number, volume)
            for number in played.in_state('active', 'stopped')
            for volume in played.free_volumes() + played.shareable(number)]


def _volumes_in_state(volumes, *statuses, condition=None):
    """Servers in some states, with each of their volumes.

    :param volumes: name of a method of History
    """
    return lambda played: [
        (number, volume) for number in played.in_state(*statuses)
        if condition is None or condition(played, number)
        for volume in getattr(played, volumes)(number)]


def _own_volumes(volumes, *statuses):
    """The same, without the volume that other servers may have, too.

    Nova replaces no such volume, and the walks make none larger.
    """
    choose = _volumes_in_state(volumes, *statuses)
    return lambda played: [chosen for chosen in choose(played)
                           if chosen[1] != history.SHARED]


def _replaceable_volumes(played):
    return [chosen for chosen in _own_volumes('data_volumes_of', 'active')(
        played) if chosen[1] not in played.half_attached]


def _has_pool(played, _number):
    return bool(played.cloud.site.pools)


def _has_no_later_port(played, number):
    return not played.has_later_port(number)


def _has_later_port(played, number):
    return played.has_later_port(number)


def _live_migrations(played):
    """Running servers that can be moved while they run, and where to.

    Without a pool these are those that have volumes only. One of two hosts is
    not told.
    """
    if len(_up(played)) < 2:
        return []
    lpars = {number: played.lpar(number)
             for number in played.in_state('active')
             if (played.has_shared_disks or
                 not played.has_own_disks(number)) and
             not played.has_disks_of_its_host(number)}
    return [(number, *target) for number, lpar in lpars.items()
            if lpar is not None and lpar.partition_state == 'running' and
            lpar.rmc == 'active' and lpar.migration is None
            for target in _targets(played, number)]


def _targets(played, number):
    """Where a server can go: list of (int,), or () for the other one."""
    if len(played.hosts) < 3:
        return [()]
    return [(host,) for host in _up(played)
            if host != played.host_number(number)]


def _live_migrations_with_events(played):
    # What kills a nova-compute must not do so in the midst of another.
    if played.has_fault(kills=True):
        return []
    return [(number, *event, *target)
            for number, *target in _live_migrations(played)
            for event in history_moves.choices()]


# ---- what others have ----------------------------------------------------

def _lpars(condition):
    """Servers whose LPAR is there."""
    def choose(played):
        found = ((number, played.lpar(number)) for number in played.servers)
        return [(number,) for number, lpar in found
                if lpar is not None and lpar.migration is None and
                condition(played, number, lpar)]
    return choose


def _is_on(_played, _number, lpar):
    return lpar.is_on


def _is_off(_played, _number, lpar):
    return not lpar.is_on


def _may_be_lost(played, number, lpar):
    """Whether the mappings of a lost server can be known as its own."""
    if not fc.mappings_of(lpar) or (
            'lost before its arrival is noted' not in KNOWN):
        return True
    host = played.look(number).host
    return not host or played.is_up(played.host_number(number)) or (
        lpar.partition_id in history_look.kept_ids(
            played.servers[number].uuid, host))


def _positions(played):
    """Hosts on which somebody else can make something."""
    return [(host,) for host in _serving(played)]


def _theirs(*kinds):
    return lambda played: [
        (name,) for name, (host, kind) in played.theirs.items()
        if kind in kinds and host in _serving(played)]


def _unless_known(name, choices):
    """Nothing while the driver is known to fail there."""
    return (lambda played: []) if name in KNOWN else choices


#: The simplest rules come first: hypothesis shortens histories to these.
RULES = (
    Rule('start_compute', 5, _starts),
    Rule('vios_up', 4, _vioses_up),
    Rule('delete', 3, _deletes),
    Rule('make', 4, _makes, is_numbered=True),
    Rule('stop', 2, _in_state('active')),
    Rule('start', 3, _in_state('stopped')),
    Rule('soft_reboot', 1, _in_state('active')),
    Rule('hard_reboot', 3, _in_state('active', 'stopped')),
    Rule('rebuild', 2, _in_state('active', 'stopped', 'error',
                                 condition=_boots_from_image)),
    Rule('mend', 4, _mends),
    Rule('rescue', 2, _in_state('active', 'stopped')),
    Rule('unrescue', 4, _in_state('rescued')),
    Rule('snapshot', 2, _in_state('active', 'stopped', condition=_has_pool)),
    Rule('resize', 3, _resizes),
    Rule('migrate', 4, _in_state('active', 'stopped',
                                 condition=_can_migrate)),
    Rule('live_migrate', 4, _live_migrations),
    Rule('live_migrate_until', 8, _live_migrations_with_events),
    Rule('confirm', 4, _in_state('resized', condition=_both_are_up)),
    Rule('revert', 4, _in_state('resized', condition=_both_are_up)),
    Rule('evacuate', 2, _evacuations),
    Rule('attach', 3, _attachments),
    Rule('detach', 3,
         _volumes_in_state('data_volumes_of', 'active', 'stopped')),
    Rule('extend', 1, _own_volumes('volumes_of', 'active', 'stopped')),
    Rule('swap', 2, _replaceable_volumes),
    Rule('attach_port', 1, _in_state('active', 'stopped',
                                     condition=_has_no_later_port)),
    Rule('detach_port', 1, _in_state('active', 'stopped',
                                     condition=_has_later_port)),
    Rule('start_compute', 2, _running),
    Rule('stop_compute', 1, _running),
    Rule('periodic', 2, _periodic_passes),
    Rule('compare_offers', 1, _unless_known('offers', _comparisons)),
    Rule('fault', 9, _faults),
    Rule('power_off', 1, _lpars(_is_on)),
    Rule('power_on', 1, _lpars(_is_off)),
    Rule('crash', 1, _lpars(_is_on)),
    Rule('lose', 2, _lpars(_may_be_lost)),
    Rule('vios_down', 2, _vioses_down),
    Rule('their_lpar', 1, _positions, is_numbered=True),
    Rule('their_disk', 1, _positions, is_numbered=True),
    Rule('their_any_client', 1, _positions, is_numbered=True),
    Rule('delete_their_lpar', 1, _theirs('lpar')),
    Rule('remove_theirs', 1, _theirs('lpar', 'rest', 'disk', 'any')),
    Rule('move_away', 6, history_hmc.choices, is_of_hmc=True),
)


def deck(is_hmc=False):
    """List the numbers of all rules, each as often as it weighs.

    :param is_hmc: whether the hosts are behind an HMC
    """
    return [number for number, rule in enumerate(RULES)
            if is_hmc or not rule.is_of_hmc for _turn in range(rule.weight)]


def is_allowed(played, step, arguments):
    """Whether a step can be taken now.

    :param played: history.Base
    :param step: str
    :param arguments: tuple
    """
    return any(rule.allows(played, arguments) for rule in RULES
               if rule.step == step)
