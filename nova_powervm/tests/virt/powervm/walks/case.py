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

"""The base of tests that walk: one cloud for all tests of a class."""

import logging
import unittest

import fixtures as fx
import testtools

from nova_powervm.tests.virt.powervm.walks import effects
from nova_powervm.tests.virt.powervm.walks import scene
from nova_powervm.tests.virt.powervm.walks import walk

_FORMAT = '%(levelname)s %(name)s %(message)s'


class DriverCase(testtools.TestCase):
    """A test of the driver, as Nova's compute manager drives it.

    The cloud is started by the first test of a class, and used by the next if
    all went well.

    :cvar PLATFORM: platforms.Platform
    :cvar SERVER: dict, how the server is made that a test begins with
    :ivar scene: scene.Scene
    """

    PLATFORM = None
    SERVER = None
    _cloud = None

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(
            fx.FakeLogger(level=logging.INFO, format=_FORMAT))
        cls = type(self)
        if cls._cloud is None:
            cls._cloud = scene.make(self, self.PLATFORM).cloud
        self.cloud = cls._cloud
        self.addCleanup(self.cloud.mistakes.check)
        self.scene = scene.Scene(self, self.cloud)
        self.addOnException(lambda _exc_info: cls._end_cloud())

    @classmethod
    def tearDownClass(cls):
        cls._end_cloud()
        super().tearDownClass()

    @classmethod
    def _end_cloud(cls):
        ending, cls._cloud = cls._cloud, None
        if ending is not None:
            ending.cleanUp()


def fails(why):
    """Expect that a test fails; it fails if it does not.

    :param why: str, the reason, and which issue is to mend it
    """
    def decorate(test):
        test = unittest.expectedFailure(test)
        test.why = why
        return test
    return decorate


def walks(kills=False, is_variant=False, known=(), **expected):
    """Give a class a test for each effect.

    The class has CYCLES, and SERVER if these do not make it: see walk.Walk.

    :param kills: whether the process of nova-compute is killed at each
        request, too
    :param is_variant: whether another class walks over the same operations,
        with all effects; then each request is refused, and each answer lost,
        on this platform
    :param known: dict of effect -> regular expression, found in what it is
        known to fail with; the walk goes on then, and fails if it does not
    :param expected: effect -> why its test fails, and what is to mend it.
    """
    def make_test(effect):
        def test(self):
            walk.Walk(self.scene, self.CYCLES, effect, self.SERVER,
                      dict(known).get(effect.name)).run()
        return test

    def decorate(cls):
        for effect in (effects.OF_VARIANTS if is_variant else
                       effects.FAULTS) + effects.KILLS * kills:
            test = make_test(effect)
            if effect.name in expected:
                test = fails(expected[effect.name])(test)
            setattr(cls, 'test_' + effect.name, test)
        return cls
    return decorate
