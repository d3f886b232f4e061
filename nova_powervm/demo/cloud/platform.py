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

"""A simulated site below the services that Nova's functional tests start."""

from concurrent import futures
import os
import sys
import types
from unittest import mock
import uuid

import fixtures as fx
from nova.network import model as network_model
from nova.servicegroup import api as servicegroup_api
from nova.tests import fixtures as nova_fixtures
from nova.virt import node
from oslo_messaging import server as messaging_server

from nova_powervm import conf as cfg
from nova_powervm.demo.cloud import stand_ins
from nova_powervm.demo import quick
from nova_powervm.demo import work

CONF = cfg.CONF
DAY = 24 * 3600
COMPUTE_DRIVER = 'powervm_ext.driver.PowerVMDriver'


def _run_now(function, *args, **kwargs):
    """Do what a thread of Nova should do: a Future that has ended."""
    future = futures.Future()
    try:
        future.set_result(function(*args, **kwargs))
    except Exception as exc:
        future.set_exception(exc)
    return future


def complete(storage):
    """Complete the options of storage: a pool has no volume group."""
    if storage.get('disk_driver') != 'ssp':
        return storage
    return dict(storage, volume_group_name='', volume_group_vios_name='')


class PlatformMixin:
    """Put a simulated site below any of Nova's functional test classes.

    It comes before Nova's class in the list of bases. The site is
    ``self.site``; compute services connect to its hosts in the order in
    which they start, and a service that starts again gets its own host.
    """

    compute_driver = COMPUTE_DRIVER
    #: Fixtures in place of some of Nova's, by the names of these.
    STAND_INS = {'GlanceFixture': stand_ins.Images,
                 'NeutronFixture': stand_ins.Networks}
    #: How many calls a service of Nova works on at once.
    RPC_THREADS = 8

    def setUp(self):
        self._prepare_platform()
        super().setUp()

    def _prepare_platform(self):
        self.useFixture(quick.QuickNova())
        self.work = self.useFixture(work.Work())
        # Jobs are asked for at once again, not a second later.
        self.useFixture(fx.MockPatch('pypowervm.wrappers.job.time',
                                     work.Clock(lambda _seconds: None)))
        # The wheel of Nova puts it there, not beside its code.
        self.flags(api_paste_config=os.path.join(
            sys.prefix, 'etc/nova/api-paste.ini'), group='wsgi')
        self.flags(compute_driver=self.compute_driver)
        self.flags(mkisofs_cmd=quick.MKISOFS)
        self.flags(force_config_drive=True)
        # Services must not report: the locks of Nova's fixtures can deadlock
        # when they do while a test writes. So they must not be missed either.
        self.flags(report_interval=DAY, service_down_time=2 * DAY)
        self.useFixture(fx.MockPatchObject(
            servicegroup_api, 'INITIAL_REPORTING_DELAY', DAY))
        # Each service starts a thread for each call until it has that many,
        # all of which look for work all the time.
        CONF.register_opts(messaging_server._pool_opts)
        self.flags(executor_thread_pool_size=self.RPC_THREADS)
        # Nova copies an instance while its thread that asks Neutron for ports
        # changes it, which fails now and then on a busy machine.
        self.useFixture(fx.MockPatchObject(
            network_model, 'thread_pool_factory',
            types.SimpleNamespace(spawn=_run_now)))
        for name, double in self.STAND_INS.items():
            self.useFixture(fx.MockPatchObject(nova_fixtures, name, double))
        self._hosts_by_service = {}
        self.site = self._start_site()
        self._configure_driver()

    def _start_site(self):
        """Start the site below; what it returns has hosts with ports."""
        raise NotImplementedError

    def _configure_driver(self):
        self.flags(disk_driver='localdisk', volume_group_name='datavg',
                   volume_group_vios_name='vios1',
                   rest_user=self.site.profile['user'],
                   rest_password=self.site.profile['password'],
                   group='powervm')

    def start_service(self, name, host=None, cell_name=None, **kwargs):
        if name != 'compute':
            return super().start_service(name, host=host,
                                         cell_name=cell_name, **kwargs)
        hostname = host or CONF.host
        with self._on_its_own_host(hostname):
            return super().start_service(name, host=host,
                                         cell_name=cell_name, **kwargs)

    def _on_its_own_host(self, hostname):
        """While a compute service starts, it is alone on its own server."""
        number = self._hosts_by_service.setdefault(
            hostname, len(self._hosts_by_service))
        simulated = self.site.hosts[number]
        self.flags(rest_host='127.0.0.1', rest_port=simulated.port,
                   rest_protocol='http', group='powervm')
        return mock.patch.object(
            node, 'get_local_node_uuid',
            return_value=str(uuid.uuid5(uuid.NAMESPACE_DNS, hostname)))

    def restart_compute_service(self, compute, keep_hypervisor_state=True):
        # The hypervisor is the simulated site, which never restarts: the
        # new service always gets a new driver.
        return super().restart_compute_service(compute,
                                               keep_hypervisor_state=False)

    def simulated_host(self, hostname=None):
        """The simulated server below a compute service."""
        return self.site.hosts[
            self._hosts_by_service.get(hostname or CONF.host, 0)]

    def driver_of(self, compute):
        """The driver object of a compute service."""
        return compute.manager.driver
