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

"""The data that Nova passes between the hosts of a live migration."""

import json
import subprocess
import sys
from unittest import mock

from nova import exception as nova_exc
from nova import objects
from nova.objects import base as obj_base
from nova.objects import migrate_data as nova_data

from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.live import data

#: What Nova's conductor does with the object: it adds where ports are bound,
#: and sends it on. It runs in a process that never imports this package.
_CONDUCTOR = '''
import json, sys
from nova import objects
from nova.objects import base
objects.register_all()
found = base.NovaObject.obj_from_primitive(json.load(sys.stdin))
assert type(found).__module__ == 'nova.objects.migrate_data', type(found)
found.vifs = [objects.migrate_data.VIFMigrateData(port_id='a port')]
assert not any(name.startswith('nova_powervm') for name in sys.modules)
json.dump(found.obj_to_primitive(), sys.stdout)
'''


class MigrateDataTest(base.TestCase):

    def test_there_and_back(self):
        sent = data.build({'target': {'system': 'a'}, 'number': 1})
        done = subprocess.run(
            [sys.executable, '-c', _CONDUCTOR], check=True, text=True,
            capture_output=True, input=json.dumps(sent.obj_to_primitive()))
        found = obj_base.NovaObject.obj_from_primitive(
            json.loads(done.stdout))
        self.assertIsInstance(found, data.MigrateData)
        self.assertIsInstance(found, nova_data.LibvirtLiveMigrateData)
        self.assertEqual('a port', found.vifs[0].port_id)
        self.assertEqual({'target': {'system': 'a'}, 'number': 1,
                          'schema': data.SCHEMA}, data.read(found))

    def test_nova_cleans_up_at_both_ends(self):
        sent = data.build({})
        self.assertEqual((False, True, False), (
            sent.is_shared_instance_path, sent.is_shared_block_storage,
            sent.block_migration))
        self.assertFalse(sent.has_vtpm)
        self.assertEqual(nova_data.LibvirtLiveMigrateData.VERSION,
                         sent.VERSION)

    def test_write(self):
        sent = data.build({'number': 1})
        data.write(sent, dict(data.read(sent), number=2))
        self.assertEqual(2, data.read(sent)['number'])

    def test_whose_it_is(self):
        self.assertTrue(data.is_ours(data.build({})))
        self.assertFalse(data.is_ours(None))
        for other in (objects.LibvirtLiveMigrateData(),
                      nova_data.VMwareLiveMigrateData()):
            self.assertFalse(data.is_ours(other))
            self.assertRaises(nova_exc.MigrationPreCheckError, data.read,
                              other)

    def test_other_layout(self):
        sent = data.build({})
        sent.filename = '{"schema": 17}'
        exc = self.assertRaises(nova_exc.MigrationPreCheckError, data.read,
                                sent)
        self.assertIn('layout 17', str(exc))
        self.assertIn('understands layout 1', str(exc))

    def test_nova_without_the_class(self):
        with mock.patch.object(data, '_Carrier', nova_data.LiveMigrateData):
            self.assertFalse(data.is_usable())
            self.assertRaises(nova_exc.MigrationPreCheckError, data.build, {})
