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

"""A pypowervm that knows nothing of its surroundings and of former sites."""

import fixtures

_ENVIRONMENT = ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY',
                'all_proxy', 'ALL_PROXY', 'REQUESTS_CA_BUNDLE',
                'CURL_CA_BUNDLE', 'PYPOWERVM_SESSION_CONFIG')
# Caches that pypowervm keeps in its modules, and the value of an empty one.
_CACHES = (
    ('pypowervm.tasks.vopt', '_cur_vios_uuid', None),
    ('pypowervm.tasks.vopt', '_cur_vg_uuid', None),
    ('pypowervm.tasks.partition', '_vscsi_pfc_wwpns', None),
)


class FreshPypowervm(fixtures.Fixture):
    """No proxies and files of the environment, and empty caches."""

    def _setUp(self):
        for name in _ENVIRONMENT:
            self.useFixture(fixtures.EnvironmentVariable(name))
        for module, attribute, empty in _CACHES:
            self.useFixture(fixtures.MonkeyPatch(
                '%s.%s' % (module, attribute), empty))
