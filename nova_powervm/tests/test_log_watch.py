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

"""What counts as noise in the log."""

import logging

import testtools

from nova_powervm.tests import log_watch


class LogWatchTest(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.watch = self.useFixture(log_watch.LogWatch())

    def log(self, name, level, message, *args):
        logger = logging.getLogger(name)
        before = logger.level
        self.addCleanup(logger.setLevel, before)
        logger.setLevel(logging.DEBUG)
        logger.log(level, message, *args)

    def test_quiet(self):
        self.log('nova_powervm.virt.powervm.vm', logging.INFO, 'Fine: %s', 1)
        self.log('pypowervm.adapter', logging.DEBUG, '<entry/></entry>')
        self.log('pypowervm.adapter', logging.WARNING,
                 'Unencrypted communication with PowerVM! And so on')
        for name in ('nova.compute.manager', 'nova_powervm.simulator.app',
                     'nova_powervm.tests.base'):
            self.log(name, logging.ERROR, 'Not ours')
        self.watch.check()

    def test_noise(self):
        for name, level, message in (
                ('nova_powervm.virt.powervm.vm', logging.WARNING, 'Hm'),
                ('pypowervm.wrappers.job', logging.ERROR, 'Bad'),
                ('pypowervm.helpers.log_helper', logging.INFO,
                 "b'<JobRequest xmlns=\"http://www.ibm.com/\">'"),
                ('pypowervm.adapter', logging.INFO, 'x</entry>')):
            self.log(name, level, message)
            exc = self.assertRaises(AssertionError, self.watch.check)
            self.assertIn(message, str(exc))
            self.watch.clear()

    def test_end(self):
        watch = log_watch.LogWatch()
        with watch:
            pass
        self.log('pypowervm.adapter', logging.ERROR, 'Later')
        self.watch.clear()
        self.assertEqual([], watch.noise)
