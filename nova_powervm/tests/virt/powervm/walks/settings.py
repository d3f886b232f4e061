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

"""Options and small parts of Nova that the walks set before they start."""

import io
from unittest import mock
import uuid

import fixtures as fx
from nova.tests import fixtures as nova_fixtures
from nova.virt import node
import pycdlib

from nova_powervm import conf as cfg
from nova_powervm.demo import quick
from nova_powervm.tests.virt.powervm.walks import neighbours
from nova_powervm.virt.powervm import instance_id

CONF = cfg.CONF
_LIFECYCLE = 'nova_powervm.virt.powervm.event.PowerVMLifecycleEventHandler'


class _NoReport:
    """What Nova records of an action, for nobody to read."""

    def __init__(self, *args, **kwargs):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *args):
        return False


class NovaSettings(fx.Fixture):
    """Nova as far as a compute manager needs it: quiet, and without RPC."""

    def _setUp(self):
        self.useFixture(nova_fixtures.ConfFixture(CONF))
        self.useFixture(nova_fixtures.PrivsepNoHelperFixture())
        self.useFixture(quick.Signatures())
        for name, value in {
                'compute_driver': 'powervm_ext.driver.PowerVMDriver',
                'force_config_drive': True,
                'instance_name_template': 'server-%(uuid)s',
                'running_deleted_instance_timeout': 0,
                'shutdown_timeout': 60}.items():
            CONF.set_override(name, value)
        for name, value in (
                ('nova.compute.utils.EventReporter', _NoReport),
                ('nova.compute.utils.add_instance_fault_from_exc',
                 _do_nothing),
                ('nova.compute.utils.notify_usage_exists', _do_nothing),
                ('nova.rpc.NOTIFIER', neighbours.Silence()),
                ('nova.rpc.LEGACY_NOTIFIER', neighbours.Silence()),
                ('nova.rpc.get_notifier', _silence),
                # 15 seconds after a state has changed, it would ask for it
                # while a walk counts requests.
                (_LIFECYCLE + '.process', _do_nothing),
                ('nova_powervm.virt.powervm.media.content.build_iso',
                 build_iso),
                ('pypowervm.helpers.vios_busy.SLEEP', _do_nothing),
                ('pypowervm.wrappers.job.time.sleep', _do_nothing)):
            self.useFixture(fx.MonkeyPatch(name, value))


def _do_nothing(*args, **kwargs):
    pass


def _silence(*args, **kwargs):
    return neighbours.Silence()


def configure_driver(cloud):
    """Set the options of the driver for the site and platform of a cloud."""
    profile, platform = cloud.site.profile, cloud.platform
    options = dict(
        platform.options, rest_host='127.0.0.1', rest_protocol='http',
        rest_user=profile['user'], rest_password=profile['password'],
        rest_connect_timeout=0, vios_active_wait_timeout=0)
    if platform.fabrics:
        options['fabrics'] = list(platform.fabrics)
    for name, value in options.items():
        CONF.set_override(name, value, 'powervm')
    if platform.fabrics:
        cfg.register_fabrics()
        for fabric, wwpns in platform.fabrics.items():
            CONF.set_override('fabric_%s_port_wwpns' % fabric, wwpns,
                              'powervm')
        if len(cloud.site.hosts) > 1:
            # The computes of all hosts share the options of one process.
            cloud.useFixture(fx.MonkeyPatch(
                'nova_powervm.virt.powervm.volume.fabrics._validate_ports',
                _do_nothing))


def node_of(name):
    """Let Nova take a host for the one with that name; a context manager."""
    identity = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
    return mock.patch.multiple(
        node, get_local_node_uuid=lambda: identity,
        read_local_node_uuid=lambda: identity)


def build_iso(path, instance, *_args):
    """Make a config drive that tells one server from another, and no more."""
    iso = pycdlib.PyCdlib()
    iso.new(vol_ident='config-2')
    content = instance_id.guest_id(instance).encode()
    iso.add_fp(io.BytesIO(content), len(content), '/UUID.;1')
    iso.write(path)
    iso.close()
