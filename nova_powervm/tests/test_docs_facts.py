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

"""What the operator guide tells of the code is so."""

import ast
import configparser
import inspect
import os
import re
import sys
import textwrap

from nova.compute import manager
from nova import exception
from nova.privsep import sys_admin_pctxt
from nova.virt import driver
from pypowervm import exceptions as pvm_exc
from pypowervm.wrappers import base_partition
from pypowervm.wrappers import logical_partition
import testtools

from nova_powervm.conf import powervm
from nova_powervm.tests import test_docs
from nova_powervm.tests import tree
from nova_powervm.virt.powervm.options import static

DRIVER = tree.path('nova_powervm', 'virt', 'powervm')
#: Modules of others whose messages the page on troubleshooting quotes.
OTHERS = (base_partition, driver, exception, logical_partition, manager,
          pvm_exc)

_TERM = re.compile(r'^(?: *|\* )``(.+)``$', re.MULTILINE)
_FABRIC = 'fabric_<name>_port_wwpns'

#: The options of [powervm] of nova-powervm 9.0.0, and of Nova at that time.
EARLIER = frozenset("""
    cluster_name disk_driver fabric_<name>_port_wwpns fabrics
    fc_attach_strategy fc_npiv_adapter_api fc_vscsi_adapter_api
    image_meta_local_path iscsi_iface nvram_store ports_per_fabric
    proc_units_factor pvm_vswitch_for_novalink_io rbd_user
    remove_vopt_media_on_boot remove_vopt_media_time swift_auth_url
    swift_auth_version swift_cacert swift_container swift_endpoint_type
    swift_password swift_project_domain_name swift_project_name
    swift_user_domain_name swift_username uncapped_proc_weight
    use_rmc_ipv6_scheme use_rmc_mgmt_vif vios_active_wait_timeout
    vnc_ca_certs vnc_server_cert vnc_server_key vnc_use_x509_auth
    volume_group_name volume_use_multipath vopt_media_rep_size
    vopt_media_volume_group vscsi_vios_connections_required
""".split())


def read(name):
    """The text of a page of the operator guide."""
    with open(os.path.join(test_docs.OPERATOR, name)) as page:
        return page.read()


def strings(path):
    """The text constants of a module but its docstrings, as set of str."""
    with open(path) as source:
        nodes = list(ast.walk(ast.parse(source.read())))
    docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
    return {node.value for node in nodes
            if isinstance(node, ast.Constant) and node not in docstrings and
            isinstance(node.value, str)}


def refusals(path):
    """Yield the texts with which a module refuses a live migration."""
    with open(path) as source:
        nodes = ast.walk(ast.parse(source.read()))
    for node in nodes:
        name = isinstance(node, ast.Call) and (
            getattr(node.func, 'id', None) or getattr(node.func, 'attr', None))
        if name in ('_refuse', 'MigrationPreCheckError'):
            texts = [part.value for part in ast.walk(node)
                     if isinstance(part, ast.Constant) and
                     isinstance(part.value, str) and part.value != '%s']
            yield from texts[:1]


def reasons_not_to_move():
    """The texts of pypowervm's check of an LPAR, but for its state: list.

    Of an LPAR that does not run the driver itself says the state.
    """
    check = ast.parse(textwrap.dedent(
        inspect.getsource(logical_partition.LPAR.can_lpm)))
    return [text for node in ast.walk(check) if isinstance(node, ast.Return)
            for text in [part.value for part in ast.walk(node)
                         if isinstance(part, ast.Constant) and
                         isinstance(part.value, str)]
            if text != 'LPAR is not in an active state.']


@tree.needs_source
class MessageTest(testtools.TestCase):
    """Messages are quoted as they are."""

    def setUp(self):
        super().setUp()
        self.quoted = _TERM.findall(read('troubleshooting.rst'))
        self.ours = set().union(*(
            strings(os.path.join(folder, name))
            for folder, _folders, names in os.walk(DRIVER) for name in names
            if name.endswith('.py')))
        others = set().union(*(strings(mod.__file__) for mod in OTHERS))
        self.others = others | {os.strerror(2)}

    def test_each_is_in_the_code(self):
        self.assertEqual([], [
            quoted for quoted in self.quoted if not any(
                quoted in text for text in self.ours | self.others)])

    def test_each_to_monitor_is_in_the_code(self):
        lines = re.findall(r'^``(.+)``$', read('monitoring.rst'),
                           re.MULTILINE)
        self.assertLess(10, len(lines))
        self.assertEqual([], [line for line in lines if not any(
            line in text for text in self.ours)])

    def test_each_comes_once(self):
        self.assertEqual(len(self.quoted), len(set(self.quoted)))

    def test_each_refusal_of_a_live_migration_has_an_entry(self):
        folder = os.path.join(DRIVER, 'live')
        texts = {text for path in [
            *(os.path.join(folder, name) for name in os.listdir(folder)
              if name.endswith('.py')),
            os.path.join(DRIVER, 'actions', 'live_migrations.py'),
            os.path.join(DRIVER, 'volume', 'npiv_migration.py')]
            for text in refusals(path)}
        self.assertLess(15, len(texts))
        texts |= set(reasons_not_to_move())
        self.assertEqual([], sorted(
            text for text in texts
            if not any(quoted in text for quoted in self.quoted)))

    def test_each_exception_has_an_entry(self):
        path = os.path.join(DRIVER, 'exception.py')
        with open(path) as source:
            tree = ast.parse(source.read())
        missing = [
            cls.name for cls in tree.body if isinstance(cls, ast.ClassDef)
            for value in [node.value for node in cls.body
                          if isinstance(node, ast.Assign)]
            if not any(quoted in value.value for quoted in self.quoted)]
        self.assertEqual([], missing)


@tree.needs_source
class UpgradeTest(testtools.TestCase):
    """Each option of ours, and of 9.0.0, is in one list."""

    def setUp(self):
        super().setUp()
        self.lists = {
            title: _TERM.findall(text) for title, text in re.findall(
                r'^(Kept|Removed|New)\n-+\n(.*?)(?=^[^\n]+\n[-=]+\n)',
                read('upgrade.rst'), re.MULTILINE | re.DOTALL)}

    def test_once(self):
        every = sum(self.lists.values(), [])
        self.assertEqual(sorted(set(every)), sorted(every))

    def test_ours(self):
        self.assertEqual(
            sorted([opt.dest for opt in powervm.ALL_OPTS] + [_FABRIC]),
            sorted(self.lists['Kept'] + self.lists['New']))

    def test_earlier_options(self):
        self.assertEqual(sorted(EARLIER), sorted(
            self.lists['Kept'] + self.lists['Removed']))

    def test_refused_options(self):
        self.assertEqual(sorted(static.REMOVED),
                         sorted(self.lists['Removed']))

    def test_no_other_names(self):
        """The page says that none has another name."""
        self.assertEqual([], [opt.dest for opt in powervm.ALL_OPTS
                              if opt.deprecated_opts])


@tree.needs_source
class RootwrapTest(testtools.TestCase):
    """The filters of Nova let the privileged helper through."""

    def test_helper_command(self):
        [command] = [
            options['helper_command']
            for _page, text in test_docs.ini_blocks()
            for options in [test_docs.parse(text).get('nova_sys_admin')]
            if options]
        sudo, _rootwrap, _conf, *helper = command.split()
        self.assertEqual('sudo', sudo)
        helper += ['--privsep_context', sys_admin_pctxt.pypath,
                   '--privsep_sock_path', '/tmp/tmp1/privsep.sock']
        filters = configparser.RawConfigParser()
        filters.read(os.path.join(sys.prefix, 'etc', 'nova', 'rootwrap.d',
                                  'compute.filters'))
        kind, _program, user, *patterns = re.split(', *', filters.get(
            'Filters', 'privsep-rootwrap-sys_admin'))
        self.assertEqual(('RegExpFilter', 'root'), (kind, user))
        self.assertEqual(len(patterns), len(helper))
        for pattern, word in zip(patterns, helper):
            self.assertRegex(word, '^(%s)$' % pattern)


@tree.needs_source
class NamedTestsTest(testtools.TestCase):
    """The lists of what must hold name tests as they are."""

    TESTS = tree.path('nova_powervm', 'tests')
    NAME = re.compile(r'^ +(?:- )?([a-z]\w*(?:\.\w+)+)$', re.MULTILINE)
    # Section -> how many names it has at least.
    LISTS = {'live migrations': 60, 'consoles': 20, 'the HMC': 30,
             'options': 25, 'scale': 25}

    def lists(self):
        with open(tree.path('doc', 'source', 'contributor',
                            'testing.rst')) as page:
            return dict(re.findall(
                r'^Tests of ([^\n]+)\n=+\n(.*?)(?=^[^\n]+\n=+\n)',
                page.read(), re.MULTILINE | re.DOTALL))

    def test_each_exists(self):
        lists = self.lists()
        self.assertEqual(set(self.LISTS), set(lists))
        for title, least in self.LISTS.items():
            names = self.NAME.findall(lists[title])
            self.assertLess(least, len(names), title)
            self.assertEqual([], [name for name in names
                                  if not self.exists(*name.split('.'))])

    def test_each_row_names_a_test(self):
        for title, text in self.lists().items():
            for row in re.split(r'^   \* - ', text, flags=re.M)[1:]:
                self.assertTrue(self.NAME.search(row) or
                                '- Tests\n' in row, (title, row))

    def test_what_does_not_exist(self):
        for name in ('walks.test_hmc.PoolTest.test_nothing',
                     'walks.test_hmc.NothingTest', 'walks.test_nothing',
                     'nothing.test_hmc'):
            self.assertFalse(self.exists(*name.split('.')))

    def exists(self, *names):
        """Whether there is a test: folders, module, and what is in it."""
        path = self.TESTS
        if not any(os.path.exists(os.path.join(path, names[0] + suffix))
                   for suffix in ('', '.py')):
            path = os.path.join(path, 'virt', 'powervm')
        while names and os.path.isdir(os.path.join(path, names[0])):
            path = os.path.join(path, names[0])
            names = names[1:]
        path = os.path.join(path, '%s.py' % (names or [''])[0])
        if not os.path.exists(path):
            return False
        with open(path) as source:
            text = source.read()
        return all(re.search(r'^ *(class|def) %s\b' % part, text,
                             re.MULTILINE) for part in names[1:])
