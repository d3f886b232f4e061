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

"""Tests of Nova that do not run on our driver, and why.

``python -m nova_powervm.tests.functional.parity.exclusions`` lists them.
"""

from nova.virt import driver as virt_driver

from nova_powervm.virt.powervm import driver

#: {name of a test of Nova: reason}; the names begin below
#: nova.tests.functional.
ALWAYS = {}

#: {method of the driver: (reason, names of tests)}: excluded until the driver
#: has the method.
WITHOUT = {
    'snapshot': ('Nova shelves a server by a snapshot of it.', (
        'test_servers.ServersTest.'
        'test_server_metadata_actions_negative_invalid_state',
        'test_servers.ServersTest.test_unshelve_offloaded_overquota',
        'test_servers.ServersTest.test_unshelve_offloaded_overquota_placement',
        'test_servers.ServersTest.test_unshelve_offloaded_overquota_ul',
        'test_servers.ServersTest.test_unshelve_overquota',
        'test_servers.ServersTest.test_unshelve_overquota_placement',
        'test_servers.ServersTest.test_unshelve_overquota_ul',
    )),
    'migrate_disk_and_power_off': ('It resizes a server.', (
        'test_servers.ServersTest.test_resize_server_negative_invalid_state',
    )),
}


def is_implemented(method):
    """Whether the driver has a method of its own, not ComputeDriver's."""
    return (getattr(driver.PowerVMDriver, method) is not
            getattr(virt_driver.ComputeDriver, method))


def excluded():
    """List what does not run on the driver as it is.

    :returns: {name of a test of Nova: reason}.
    """
    reasons = dict(ALWAYS)
    for method, (reason, tests) in WITHOUT.items():
        if not is_implemented(method):
            text = '%s The driver does not implement %s() yet.' % (reason,
                                                                   method)
            reasons.update(dict.fromkeys(tests, text))
    return reasons


def main():
    for test, reason in sorted(excluded().items()):
        print('* %s: %s' % (test, reason))


if __name__ == '__main__':
    main()
