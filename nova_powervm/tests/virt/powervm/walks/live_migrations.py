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

"""Live migrations, as operations of walks."""

from nova_powervm.tests.virt.powervm.walks import operations as ops


def _is_on(host):
    return lambda scene: (scene.status == 'active' and
                          scene.server.host == host)


def _settle(host):
    """Use the server where it is, and ask again if that is where it was."""
    def settle(scene, operation):
        ops.mend(scene)
        scene.check(scene.lpar() is not None and scene.lpar().is_on,
                    'it does not run on %s' % scene.server.host)
        for name in sorted(scene.cloud.computes):
            scene.check(name == scene.server.host or
                        scene.lpar(name) is None, 'it is on %s too' % name)
        if scene.server.host != host:
            operation.act(scene)
            scene.check(operation.is_done(scene), 'it cannot be done again; '
                        'the server is %s; %s' % (
                            scene.status, scene.cloud.failures[-1:]))
        return True
    return settle


def _restore(host):
    def restore(scene):
        ops.mend(scene)
        return scene.server.host != host
    return restore


def live_migrate(host, is_exact=True):
    """Move a server while it runs.

    :param host: Nova's name of the host that it goes to
    :param is_exact: whether all of it arrives; a config drive need not
    """
    return ops.Operation(
        'live-migrate to %s' % host,
        lambda scene: scene.api.live_migrate(scene.server, host),
        _is_on(host), _settle(host), restore=_restore(host),
        is_exact=is_exact, is_cleaned=True)
