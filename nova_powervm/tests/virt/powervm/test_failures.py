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

"""Which failures of a build have Nova try another host."""

import ast
import inspect
import textwrap

from nova.compute import manager
from nova.compute import vm_states
from nova import exception as nova_exc

from nova_powervm.tests import test_imports
from nova_powervm.tests.virt.powervm import base
from nova_powervm.virt.powervm.disk import image
from nova_powervm.virt.powervm.disk import localdisk
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import failures

ABORT = 'BuildAbortException'
RESCHEDULE = 'RescheduledException'

#: Not of a build: those of other operations, and of a start; what a flow of a
#: build turns into something else; what aborts a build as it is; and signs
#: between modules.
ELSEWHERE = {
    'BuildAbortException', 'CinderConnectionFailed', 'ConsoleNotAvailable',
    'ConsoleTypeUnavailable',
    'DeviceDetachFailed', 'InstanceFaultRollback', 'InstanceNotRescuable',
    'InstanceNotRunning', 'InstancePowerOffFailure',
    'InstanceQuiesceNotSupported', 'InstanceRebootFailure',
    'InstanceTerminationFailure', 'InterfaceDetachFailed',
    'InvalidLocalStorage', 'LiveMigrationLost', 'LiveMigrationUnknown',
    'LparHasOtherUUID',
    'ManagedSystemAmbiguous', 'ManagedSystemCount', 'ManagedSystemNotFound',
    'ManagedSystemNotMaster', 'MigrationPreCheckError', 'NotOnThisHost',
    'ReshapeNeeded', 'ResizeError', 'SnapshotIncomplete',
    'SnapshotNotSupported', 'ViosNotAvailable', 'VirtDriverNotReady',
    'VirtualInterfaceUnplugException', 'VolumeExtendFailed',
    'VolumeRebaseFailed'}
#: What lies with the request: each host would fail.
REQUEST = {
    'FlavorDiskSmallerThanImage', 'ImageNotActive', 'ImageNotAuthorized',
    'ImageNotFound', 'ImageUnacceptable', 'InvalidFlavor', 'InvalidInput',
    'VirtualInterfaceCreateException', 'VolumeEncryptionNotSupported',
    'VolumeTypeNotSupported'}
#: What lies with this host, its platform, its disks, its configuration, or
#: what Cinder and Neutron have made for it.
HOST = {
    'ClusterNotFoundByName', 'ClusterNotUsable', 'ClusterUnknown',
    'ComputeResourcesUnavailable', 'ConfigDriveUnsupportedFormat',
    'CouldNotFetchImage', 'DeviceDeletionException', 'DiskNameAmbiguous',
    'DiskNameInUse', 'DiskNotFound', 'FabricPortNotFound',
    'FlavorNotOnThisHost', 'HostOfSameHmc', 'ImageFormatNotOnThisHost',
    'InstanceNotFound',
    'InstanceDiskMappingFailed', 'InvalidConfiguration', 'InvalidDevicePath',
    'InvalidOption', 'InvalidVolume', 'LparElsewhere',
    'NewMgmtMappingNotFoundException',
    'NoConfigNoClusterFound', 'NoConfigTooManyClusters',
    'NoDiskDiscoveryException', 'NoMediaRepoVolumeGroupFound',
    'OptRequiredIfOtherOptValue', 'PowerVMAPIFailed',
    'RestAuthenticationFailed', 'RestServerUnavailable', 'StorageIsNotOurs',
    'StorageNotServed', 'TierNotFound', 'TooManyClustersFound',
    'UniqueDiskDiscoveryException', 'UnknownOption', 'VGHolderAmbiguous',
    'VGHolderChanged', 'VGHolderNotUsable', 'VGHolderUnknown', 'VGNotFound',
    'VirtualInterfacePlugException', 'VolumeAttachFailed'}
#: Only their kinds are raised.
ABSTRACT = {'AbstractDiskException', 'AbstractMediaException',
            'FaultOfThisHost', 'OneLine'}


def classes_of_ours():
    """Names of the exceptions in our exception.py."""
    return {name for name, found in vars(exception).items()
            if inspect.isclass(found) and issubclass(found, Exception)}


def classes_of_nova():
    """Names of Nova's exceptions that the driver makes, by its source."""
    found = set()
    for name, tree in test_imports.read_modules().items():
        if not test_imports.is_in(name, test_imports.VIRT):
            continue
        for node in ast.walk(tree):
            if (isinstance(node, ast.Call) and
                    isinstance(node.func, ast.Attribute) and
                    getattr(node.func.value, 'id', None) == 'nova_exc'):
                found.add(node.func.attr)
    return found


def reactions():
    """What Nova does with exceptions: list of (class or classes, reaction)."""
    source = textwrap.dedent(inspect.getsource(
        manager.ComputeManager._build_and_run_instance))
    found = []
    for node in ast.walk(ast.parse(source)):
        for handler in getattr(node, 'handlers', ()):
            names = {child.attr for child in ast.walk(handler)
                     if isinstance(child, ast.Attribute)}
            caught = eval(ast.unparse(handler.type), vars(manager))
            if caught is nova_exc.BuildAbortException:
                found.append((caught, ABORT))
            elif names & {ABORT, RESCHEDULE}:
                found.append((caught, (names & {ABORT, RESCHEDULE}).pop()))
    return found


def make(name):
    """An exception by the name of its class, without its details."""
    found = getattr(exception, name, None) or getattr(nova_exc, name)
    if issubclass(found, nova_exc.NovaException):
        return found('what went wrong')
    return found()


class FailureTest(base.TestCase):

    def setUp(self):
        super().setUp()
        self.reactions = reactions()
        self.instance = base.make_instance(vm_state=vm_states.BUILDING)

    def reaction(self, exc):
        """What Nova does with what a build raises then."""
        raised = failures.build_failure(exc, self.instance)
        return next(reaction for caught, reaction in self.reactions
                    if isinstance(raised, caught))

    def test_all_are_known(self):
        known = ELSEWHERE | REQUEST | HOST | ABSTRACT
        found = classes_of_ours() | classes_of_nova()
        self.assertEqual(set(), found - known)
        # Two are raised by Nova's own code, or by functions handed over.
        self.assertEqual({'ImageNotAuthorized', 'ImageNotFound'},
                         known - found - {'InstancePowerOffFailure',
                                          'InstanceRebootFailure'})

    def test_each_is_one_of_these(self):
        kinds = (ELSEWHERE, REQUEST, HOST, ABSTRACT)
        self.assertEqual(sum(map(len, kinds)), len(set().union(*kinds)))

    def test_of_request(self):
        for name in sorted(REQUEST):
            exc = make(name)
            self.assertTrue(failures.is_of_request(exc), name)
            self.assertEqual(ABORT, self.reaction(exc), name)

    def test_of_host(self):
        for name in sorted(HOST):
            exc = make(name)
            self.assertFalse(failures.is_of_request(exc), name)
            self.assertEqual(RESCHEDULE, self.reaction(exc), name)

    def test_of_others(self):
        self.assertEqual(RESCHEDULE, self.reaction(ValueError('it')))

    def test_message_stays(self):
        for name in ('FlavorNotOnThisHost', 'InvalidFlavor', 'ImageNotFound'):
            self.assertIn('what went wrong', str(failures.build_failure(
                make(name), self.instance)))

    def test_server_that_exists(self):
        """In a rebuild or an evacuation nothing is tried elsewhere."""
        for vm_state in (vm_states.ACTIVE, vm_states.SHELVED_OFFLOADED):
            self.instance.vm_state = vm_state
            for name in sorted(REQUEST | HOST):
                exc = make(name)
                self.assertIs(exc, failures.build_failure(exc, self.instance))

    def test_of_users(self):
        """What the log tells at INFO, as the user is told."""
        for exc in (make('InvalidFlavor'), nova_exc.ResizeError(reason='r'),
                    nova_exc.FlavorDiskSmallerThanImage(flavor_size=1,
                                                        image_size=2)):
            self.assertTrue(failures.is_users(exc))
        for exc in (exception.PowerVMAPIFailed(inst_name='i', reason='r'),
                    nova_exc.InstancePowerOffFailure(reason='r'),
                    nova_exc.VirtualInterfaceCreateException('late'),
                    make('FlavorNotOnThisHost'), ValueError()):
            self.assertFalse(failures.is_users(exc))

    def test_formats(self):
        self.assertEqual(image.FORMATS, tuple(map(
            str.lower, localdisk._FILE_FORMATS)))


class RaisedTest(base.TestCase):
    """What is raised is of the right kind."""

    def check(self, disk_format, formats):
        image.Image(id='id', size=1, disk_format=disk_format,
                    content='').check(formats)

    def test_format_of_other_disks(self):
        exc = self.assertRaises(exception.ImageFormatNotOnThisHost,
                                self.check, 'qcow2', ('raw',))
        self.assertIn('qcow2', str(exc))

    def test_format_of_no_disks(self):
        exc = self.assertRaises(nova_exc.ImageUnacceptable, self.check,
                                'vmdk', ('raw',))
        self.assertNotIsInstance(exc, exception.FaultOfThisHost)
