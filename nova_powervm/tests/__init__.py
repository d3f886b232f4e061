# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Tests; importing this package decides how Nova runs its threads.

Native threads, as nova-compute 34 does. It has to be decided before anything
imports eventlet, as parts of Oslo do if they may.

Neutron does import eventlet, through oslo.service, so its tests (neutron/ml2)
run in processes without Nova, where OS_TEST_NEUTRON is set.

It also has each test of the process watched: see watch.py.
"""

import os

if 'OS_TEST_NEUTRON' not in os.environ:
    os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = '1'

    from nova import monkey_patch

    monkey_patch.patch()

from nova_powervm.tests import watch  # noqa: E402

watch.install(os.environ)
