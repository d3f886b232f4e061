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

"""What a server is made of, after a rebuild that was refused.

Nova has the new image on record then.
"""

from nova import utils as nova_utils

from nova_powervm.tests.functional import platforms
from nova_powervm.tests.virt.powervm.scenarios import base
from nova_powervm.tests.virt.powervm.scenarios import test_ibmi
from nova_powervm.virt.powervm import made_of


class RefusedMixin(platforms.SharedPool, base.TwoHostMixin):

    PROFILE = 'ssp-two-host'
    #: Properties of the image of the server, and of the other one.
    OWN, OTHER = {}, {}

    def _create(self, **kwargs):
        kwargs.setdefault('properties', self.OWN)
        return super()._create(**kwargs)

    def setUp(self):
        super().setUp()
        self.image = self.glance.image3['id']
        self.glance.images[self.image]['properties'].update(self.OTHER)
        self.server = self.boot_on_first()
        self.before = self.record()

    def record(self):
        """What Nova has on record of the image of the server."""
        instance = self.instance_of(self.server)
        return (instance.image_ref, instance.os_type, {
            key: value for key, value in instance.system_metadata.items()
            if key.startswith('image_')})

    def put_on_record(self):
        """Do what Nova's API does before it asks anybody."""
        instance = self.instance_of(self.server)
        image = self.glance.images[self.image]
        for key in list(instance.system_metadata):
            if key.startswith('image_'):
                del instance.system_metadata[key]
        instance.system_metadata.update(
            nova_utils.get_system_metadata_from_image(image, instance.flavor),
            image_base_image_ref=self.image)
        instance.os_type = image['properties'].get('os_type')
        instance.save()

    def rebuild(self):
        self.put_on_record()
        self.act(self.server, 'rebuild', {'imageRef': self.image})

    def be_refused(self):
        """Rebuild the server with an image that no disk can have."""
        self.glance.images[self.image]['disk_format'] = 'vmdk'
        self.rebuild()
        self.assertEqual('ACTIVE', self.status_of(self.server))
        self.assertIn('vmdk', self.fault_of(self.server))

    def be_of_older_version(self):
        """Nothing is kept of what the server is made of."""
        instance = self.instance_of(self.server)
        made_of._forget(instance.system_metadata)
        instance.save()

    def lose(self):
        """Let an operator delete the LPAR, and the user reboot the server."""
        self.stop(self.server)
        self.platform.operator.delete_partition(
            self.lpar_of(self.server)['uuid'])
        self.driver.services.host.partition_states.clear()
        self.reboot(self.server, hard=True)


class IbmiTest(test_ibmi.IbmiMixin, RefusedMixin, base.ScenarioCase):
    """A server with IBM i, and an image of Linux."""

    OTHER = {'os_type': 'linux'}

    def assert_is_ibmi(self):
        lpar = self.lpar_of(self.server)
        self.assertEqual('OS400', lpar['type'])
        self.assert_boots(self.server)

    def test_given_back(self):
        self.be_refused()
        self.assertEqual(self.before, self.record())
        self.lose()
        self.assert_is_ibmi()

    def test_migrate(self):
        self.be_refused()
        self.migrate(self.server)
        self.where = 'compute2'
        self.assert_is_ibmi()

    def test_refused_by_another(self):
        """By the scheduler, of which the driver hears nothing."""
        self.put_on_record()
        self.stop(self.server)
        self.start(self.server)
        self.assert_is_ibmi()
        self.evacuate(self.server)
        self.where = 'compute2'
        self.assert_is_ibmi()

    def test_shelved(self):
        self.put_on_record()
        self.act(self.server, 'shelve')
        self.act(self.server, 'unshelve')
        self.assert_is_ibmi()

    def test_older_version(self):
        """The LPAR tells the operating system; the image is not known."""
        self.be_of_older_version()
        self.be_refused()
        self.assertEqual('ibmi', self.record()[2]['image_os_distro'])
        self.lose()
        self.assert_is_ibmi()

    def test_start_of_this_version(self):
        """A rebuild was refused before it."""
        self.be_of_older_version()
        self.put_on_record()
        self.restart()
        self.put_on_record()
        self.lose()
        self.assert_is_ibmi()

    def test_accepted(self):
        self.rebuild()
        self.assertEqual('ACTIVE', self.status_of(self.server))
        self.assertEqual('AIX/Linux', self.lpar_of(self.server)['type'])
        self.assertIsNone(self.record()[2].get('image_os_distro'))
        self.lose()
        self.assertEqual('AIX/Linux', self.lpar_of(self.server)['type'])


class LinuxTest(RefusedMixin, base.ScenarioCase):
    """A server with Linux, and an image of IBM i."""

    OWN = {'os_type': 'linux', 'hw_cpu_policy': 'dedicated'}
    OTHER = {'os_distro': 'ibmi'}

    def assert_is_linux(self):
        lpar = self.lpar_of(self.server)
        self.assertEqual(('AIX/Linux', 'running'),
                         (lpar['type'], lpar['state']))
        self.assertTrue(lpar['dedicated'])

    def test_given_back(self):
        self.be_refused()
        image, os_type, properties = self.record()
        self.assertEqual((self.before[0], 'linux', self.before[2]),
                         (image, os_type, properties))
        self.lose()
        self.assert_is_linux()

    def test_refused_by_another(self):
        self.put_on_record()
        self.lose()
        self.assert_is_linux()

    def test_older_version(self):
        self.be_of_older_version()
        self.be_refused()
        self.assertNotIn('image_os_distro', self.record()[2])

    def test_accepted(self):
        self.rebuild()
        self.assertEqual('ACTIVE', self.status_of(self.server))
        self.assertEqual('OS400', self.lpar_of(self.server)['type'])
        self.assertFalse(self.lpar_of(self.server)['dedicated'])


class PolicyTest(RefusedMixin, base.ScenarioCase):
    """An image that asks for what PowerVM does not have."""

    OTHER = {'hw_cpu_policy': 'mixed'}

    def test_refused(self):
        self.rebuild()
        self.assertEqual('ACTIVE', self.status_of(self.server))
        self.assertIn('hw_cpu_policy', self.fault_of(self.server))
        self.assertEqual(self.before, self.record())
