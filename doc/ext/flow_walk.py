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

"""What the flows of the driver consist of, found by building them.

A flow is built by calling its function of nova_powervm/virt/powervm/flows
with stand-ins, which are chosen by the names of its parameters. No request is
made, and no task is run. It is built in the fullest circumstances, and then
once more without each of them: a task that is missing then depends on it.
"""

import ast
import importlib
import inspect
import os
import pkgutil
import textwrap
import typing
from unittest import mock

os.environ.setdefault('OS_NOVA_DISABLE_EVENTLET_PATCHING', '1')

from nova.compute import task_states  # noqa: E402
from nova.compute import vm_states  # noqa: E402
from nova import objects  # noqa: E402
from taskflow import flow as tf_flow  # noqa: E402
from taskflow import task as tf_task  # noqa: E402

from nova_powervm.virt.powervm import flows  # noqa: E402
from nova_powervm.virt.powervm.flows import spawn  # noqa: E402
from nova_powervm.virt.powervm import no_slots  # noqa: E402
from nova_powervm.virt.powervm import services as svc  # noqa: E402
from nova_powervm.virt.powervm import volume  # noqa: E402

objects.register_all()

_UUID = 'f10e0000-0000-4000-8000-000000000001'

#: What a flow may depend on -> how a diagram says that a task does. The
#: first ones are about the server, the others are arguments of flows.
CIRCUMSTANCES = {
    'config_drive': 'with a config drive',
    'own_boot_disk': 'unless it boots from a volume',
    'blank_disks': 'with an ephemeral or a swap disk',
    'volumes': 'with Cinder volumes',
    'slots': 'if NVRAM and slot maps are kept',
    'new_swap': 'if the size of the swap disk changes',
    'larger_disk': 'if the boot disk is to be larger',
    'for_good': 'if Nova deletes the server',
    'was_on': 'if it was on',
    'power_on': 'if it is to be on',
    'destroy_vifs': 'if its ports go, too',
    'grow': 'in a hard reboot',
    'stays_away': 'unless it comes back after a rebuild',
    'console_log': 'if consoles are logged',
}


class Step(typing.NamedTuple):
    """A task of a flow.

    :ivar name: str, what the logs call it.
    :ivar where: str, its module and class: 'vm.Create'.
    :ivar what: str, the first line of its docstring.
    :ivar needs: list of str, names of what it takes of earlier tasks.
    :ivar gives: list of str, names of what it hands on.
    :ivar undo: str, what its revert does; None if it has none.
    :ivar only: list of str, what it depends on, of CIRCUMSTANCES.
    :ivar part_of: list of str, the names of the nested flows that it is in.
    """

    name: str
    where: str
    what: str
    needs: list
    gives: list
    undo: typing.Optional[str]
    only: list
    part_of: list


# ---- stand-ins -------------------------------------------------------------

def _connection_info(number):
    volume_id = 'f10e0000-0000-4000-8000-0000000001%02d' % number
    return {'driver_volume_type': 'fibre_channel', 'serial': volume_id,
            'data': {'target_wwn': ['500507680b21ac01'], 'target_lun': number,
                     'volume_id': volume_id}}


def _block_device_info(circumstances):
    mapping, ephemerals, swap = [], [], None
    if 'own_boot_disk' not in circumstances:
        mapping.append({'connection_info': _connection_info(1),
                        'mount_device': '/dev/sda', 'boot_index': 0})
    if 'volumes' in circumstances:
        mapping.append({'connection_info': _connection_info(2),
                        'mount_device': '/dev/sdb', 'boot_index': None})
    if 'blank_disks' in circumstances:
        ephemerals.append({'size': 1, 'device_name': '/dev/sdc'})
        swap = {'swap_size': 1024, 'device_name': '/dev/sdd'}
    return {'root_device_name': '/dev/sda', 'ephemerals': ephemerals,
            'swap': swap, 'block_device_mapping': mapping}


def _flavor(root_gb=1, swap=0):
    return objects.Flavor(name='m1', memory_mb=1024, vcpus=1, swap=swap,
                          root_gb=root_gb, ephemeral_gb=0, extra_specs={})


def _instance(circumstances):
    return objects.Instance(
        id=1, uuid=_UUID, host='compute1', display_name='server',
        hostname='server', image_ref='', system_metadata={},
        vm_state=vm_states.ACTIVE,
        task_state=(task_states.DELETING if 'for_good' in circumstances
                    else None),
        config_drive='True' if 'config_drive' in circumstances else '',
        flavor=_flavor())


def _services(circumstances):
    host = mock.MagicMock(nodename='compute1')
    is_kept = 'slots' in circumstances
    return svc.Services(
        virtapi=None, host=host, disk=mock.MagicMock(host=host),
        config_drive=mock.MagicMock(), mgmt=mock.MagicMock(),
        volumes=mock.MagicMock(),
        slots=mock.MagicMock() if is_kept else no_slots.NoSlotMaps(),
        nvram=mock.MagicMock() if is_kept else None,
        keys=mock.MagicMock(), migrations=mock.MagicMock(),
        consoles=mock.MagicMock(keeps_logs='console_log' in circumstances))


def stand_ins(circumstances):
    """The arguments of flow functions, by their names.

    :param circumstances: set of keys of CIRCUMSTANCES
    """
    services, instance = _services(circumstances), _instance(circumstances)
    bdi = _block_device_info(circumstances)
    return {
        'services': services, 'instance': instance, 'context': None,
        'image_meta': objects.ImageMeta(), 'image_id': _UUID,
        'injected_files': [], 'admin_password': None, 'network_info': [],
        'block_device_info': bdi, 'disk_types': spawn.own_disk_types(bdi),
        'flavor': _flavor(root_gb=2 if 'larger_disk' in circumstances else 1),
        'old_flavor': _flavor(swap=1024 if 'new_swap' in circumstances else 0),
        'connection_info': _connection_info(3),
        'old_connection_info': _connection_info(3),
        'new_connection_info': _connection_info(4),
        'update_task_state': None, 'timeout': 60, 'may_stop': True,
        'target': 'compute2',
        'size': 2 ** 30, 'public_key': 'ssh-rsa', 'migration': None,
        'parameters': {}, 'ports': [], 'switches': {}, 'adapters': [],
        'was_on': 'was_on' in circumstances,
        'power_on': 'power_on' in circumstances,
        'destroy_vifs': 'destroy_vifs' in circumstances,
        'grow': 'grow' in circumstances,
        'for_rebuild': 'stays_away' not in circumstances,
        # Of functions of flows/ that do not make a flow.
        'name': 'name',
        'volumes': volume.build_all(services.host, instance, []),
    }


# ---- flows -----------------------------------------------------------------

def _call(function, circumstances=frozenset(CIRCUMSTANCES), given=None):
    """Call a function of flows/ with stand-ins.

    :param given: dict of arguments that are not to be stand-ins.
    :raises LookupError: if a parameter has no stand-in, and no default.
    """
    known = dict(stand_ins(circumstances), **(given or {}))
    arguments = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in known:
            arguments[parameter.name] = known[parameter.name]
        elif parameter.default is parameter.empty:
            raise LookupError(
                'There is no stand-in for the parameter %s of %s.%s: add it '
                'to stand_ins().' % (parameter.name, function.__module__,
                                     function.__name__))
    return function(**arguments)


def find(name):
    """The function of a flow: 'spawn.rebuild' -> spawn.rebuild."""
    module, function = name.split('.')
    return getattr(importlib.import_module(
        '%s.%s' % (flows.__name__, module)), function)


def all_flows():
    """Names of the public functions of flows/ that make a flow, as list.

    Those are called with the driver's Services first.
    """
    found = []
    for module in pkgutil.iter_modules(flows.__path__):
        module = importlib.import_module(
            '%s.%s' % (flows.__name__, module.name))
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if (name.startswith('_') or
                    function.__module__ != module.__name__ or
                    next(iter(inspect.signature(function).parameters),
                         None) != 'services'):
                continue
            if isinstance(_call(function), tf_flow.Flow):
                found.append('%s.%s' % (module.__name__.rsplit('.')[-1],
                                        name))
    return found


def build(name, circumstances=frozenset(CIRCUMSTANCES), given=None):
    """Build a flow.

    :param name: str, the module of flows/ and the function: 'spawn.rebuild'
    :param circumstances: set of keys of CIRCUMSTANCES
    :param given: dict of arguments that are not to be stand-ins.
    :returns: the taskflow flow.
    """
    return _call(find(name), circumstances, given)


def _walk(items, part_of=()):
    """Yield (task, names of the nested flows that it is in), in order."""
    for item in items:
        if isinstance(item, tf_flow.Flow):
            yield from _walk(item, (*part_of, item.name))
        else:
            yield item, list(part_of)


def tasks(name, circumstances=frozenset(CIRCUMSTANCES), given=None):
    """List the tasks of a flow in the order in which they run."""
    return [task for task, _part_of in _walk(
        build(name, circumstances, given))]


def _dependent(name, given):
    """Tell which tasks depend on circumstances: {task name: [words]}.

    :raises ValueError: if what comes without one is another flow, rather
        than a part of it: that needs a diagram of its own.
    """
    full = [task.name for task in tasks(name, given=given)]
    found = {}
    for key, words in CIRCUMSTANCES.items():
        rest = [task.name for task in tasks(
            name, frozenset(CIRCUMSTANCES) - {key}, given)]
        if rest != [task_name for task_name in full if task_name in rest]:
            raise ValueError('Flow %s is another one without "%s".' % (
                name, key))
        for task_name in full:
            if task_name not in rest:
                found.setdefault(task_name, []).append(words)
    return found


def steps(name, given=None):
    """Describe the tasks of a flow, in the order in which they run.

    :param name: see build()
    :param given: see build()
    :returns: list of Step
    """
    dependent = _dependent(name, given)
    found, given_before = [], set()
    for task, part_of in _walk(build(name, given=given)):
        needs = task.requires | (task.optional & given_before)
        found.append(_describe(task, sorted(needs),
                               dependent.get(task.name, []), part_of))
        given_before |= task.provides
    return found


def title(name):
    """The first line of the docstring of a flow's function."""
    return first_line(find(name))


# ---- tasks -----------------------------------------------------------------

def first_line(thing):
    """The first line of a docstring, without marks of markup; or None."""
    text = inspect.getdoc(thing)
    return text and text.splitlines()[0].replace('``', '')


def _describe(task, needs, only, part_of):
    cls = type(task)
    return Step(
        name=task.name,
        where='%s.%s' % (cls.__module__.rsplit('.')[-1], cls.__name__),
        # getdoc() would take the docstring of taskflow's class, too.
        what=cls.__doc__ and first_line(cls).split('; provides')[0].rstrip(
            '.') + '.',
        needs=needs, gives=sorted(task.provides),
        undo=_undo(task), only=only, part_of=part_of)


def _undo(task):
    """Say what a task's revert does: its docstring, or what it calls."""
    revert = type(task).revert
    if revert is tf_task.Task.revert:
        return None
    if revert.__doc__:
        return first_line(revert).rstrip('.')
    return ', '.join(_calls(revert))


def _calls(function):
    """The functions of services that a function calls: ['vm.delete_lpar']."""
    found = []
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = _dotted(node.func)
        if called == 'utils.try_to':  # (what for, function, ...)
            called = _dotted(node.args[1])
        if '.' in called and not called.startswith(('LOG.', 'result.')) and (
                called != 'transaction.StorageTransaction.immediate'):
            found.append(called.removeprefix('pvm_'))
    return list(dict.fromkeys(found))


def _dotted(node):
    """The text of a.b.c, without self; '' if it is another expression."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ''
    return '.'.join(([] if node.id == 'self' else [node.id]) + parts)
