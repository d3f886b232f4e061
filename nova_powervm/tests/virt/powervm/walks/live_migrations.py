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


def _has_drive(scene):
    """Whether the server has its config drive."""
    return any(
        str(mapping['storage']).startswith('cfg_')
        for vios in scene.host().state()['VirtualIOServer']
        for mapping in vios['mappings']
        if mapping['lpar'] == scene.lpar().name)


def _is_on(host, has_drive):
    return lambda scene: (
        scene.status == 'active' and scene.server.host == host and
        (not has_drive or _has_drive(scene)))


def _check_is_in_one_place(scene):
    scene.check(scene.lpar() is not None and scene.lpar().is_on,
                'it does not run on %s' % scene.server.host)
    for name in sorted(scene.cloud.computes):
        scene.check(name == scene.server.host or scene.lpar(name) is None,
                    'it is on %s too' % name)


def _settle(host):
    """Use the server where it is, and ask again if that is where it was."""
    def settle(scene, operation):
        ops.mend(scene)
        _check_is_in_one_place(scene)
        if scene.server.host == host:
            # Its config drive is lost: the next turn needs another server.
            return operation.is_done(scene)
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


def live_migrate(host, has_drive=False):
    """Move a server while it runs.

    :param host: Nova's name of the host that it goes to
    :param has_drive: whether it has a config drive, which may be lost
    """
    return ops.Operation(
        'live-migrate to %s' % host,
        lambda scene: scene.api.live_migrate(scene.server, host),
        _is_on(host, has_drive), _settle(host), restore=_restore(host),
        rolls_back=not has_drive, is_cleaned=True)
