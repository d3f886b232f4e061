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

"""How many requests operations send without faults.

They say which one is the last, and which one is in the middle. If they change
a little nothing is wrong; the module recount counts them again.
"""

#: Operation, platform, host -> all requests, and those that change something.
COUNTS = {
    ('attach', 'npiv', 'compute1'): (9, 4),
    ('attach', 'vscsi', 'compute1'): (11, 6),
    ('attach port', 'ovs', 'compute1'): (5, 2),
    ('attach port', 'sriov', 'compute1'): (4, 1),
    ('attach port', 'ssp', 'compute1'): (3, 1),
    ('attach port', 'vg', 'compute1'): (3, 1),
    ('boot of the host', 'vg', 'compute1'): (21, 5),
    ('confirm', 'npiv', 'compute1'): (2, 1),
    ('confirm', 'ssp', 'compute1'): (2, 1),
    ('confirm', 'vg', 'compute1'): (2, 1),
    ('confirm', 'vscsi', 'compute1'): (2, 1),
    ('confirm move', 'npiv2', 'compute1'): (8, 4),
    ('confirm move', 'ssp2', 'compute1'): (8, 3),
    ('confirm move', 'vscsi2', 'compute1'): (7, 3),
    ('delete', 'npiv', 'compute1'): (11, 7),
    ('delete', 'ssp', 'compute1'): (11, 7),
    ('delete', 'vg', 'compute1'): (10, 6),
    ('delete', 'vscsi', 'compute1'): (15, 11),
    ('detach', 'vscsi', 'compute1'): (8, 6),
    ('detach port', 'ovs', 'compute1'): (5, 2),
    ('detach port', 'sriov', 'compute1'): (3, 1),
    ('detach port', 'ssp', 'compute1'): (3, 1),
    ('detach port', 'vg', 'compute1'): (3, 1),
    ('evacuate', 'ssp2', 'compute1'): (2, 2),
    ('evacuate', 'ssp2', 'compute2'): (21, 12),
    ('extend', 'vscsi', 'compute1'): (5, 4),
    ('hard reboot', 'npiv', 'compute1'): (9, 4),
    ('hard reboot', 'ssp', 'compute1'): (6, 2),
    ('hard reboot', 'vg', 'compute1'): (5, 2),
    ('hard reboot', 'vscsi', 'compute1'): (13, 8),
    ('make', 'npiv', 'compute1'): (16, 13),
    ('make', 'ssp', 'compute1'): (13, 11),
    ('make', 'vg', 'compute1'): (12, 10),
    ('make', 'vscsi', 'compute1'): (17, 15),
    ('migrate', 'npiv2', 'compute1'): (6, 4),
    ('migrate', 'npiv2', 'compute2'): (14, 11),
    ('migrate', 'ssp2', 'compute1'): (7, 4),
    ('migrate', 'ssp2', 'compute2'): (15, 10),
    ('migrate', 'vscsi2', 'compute1'): (10, 8),
    ('migrate', 'vscsi2', 'compute2'): (18, 14),
    ('migrate back', 'npiv2', 'compute1'): (9, 4),
    ('migrate back', 'npiv2', 'compute2'): (11, 7),
    ('migrate back', 'ssp2', 'compute1'): (10, 4),
    ('migrate back', 'ssp2', 'compute2'): (11, 6),
    ('migrate back', 'vscsi2', 'compute1'): (13, 8),
    ('migrate back', 'vscsi2', 'compute2'): (14, 10),
    ('periodic tasks', 'npiv', 'compute1'): (4, 0),
    ('periodic tasks', 'ssp', 'compute1'): (7, 0),
    ('periodic tasks', 'vg', 'compute1'): (4, 0),
    ('periodic tasks', 'vscsi', 'compute1'): (4, 0),
    ('rebuild', 'npiv', 'compute1'): (28, 18),
    ('rebuild', 'ssp', 'compute1'): (28, 18),
    ('rebuild', 'vg', 'compute1'): (26, 16),
    ('rebuild', 'vscsi', 'compute1'): (39, 27),
    ('rescue', 'ssp', 'compute1'): (8, 6),
    ('rescue', 'vg', 'compute1'): (9, 6),
    ('resize', 'npiv', 'compute1'): (9, 5),
    ('resize', 'ssp', 'compute1'): (8, 5),
    ('resize', 'vg', 'compute1'): (8, 5),
    ('resize', 'vscsi', 'compute1'): (22, 17),
    ('restart', 'npiv', 'compute1'): (19, 3),
    ('restart', 'ssp', 'compute1'): (20, 3),
    ('restart', 'vg', 'compute1'): (18, 3),
    ('restart', 'vscsi', 'compute1'): (18, 3),
    ('revert', 'npiv', 'compute1'): (9, 5),
    ('revert', 'ssp', 'compute1'): (7, 5),
    ('revert', 'vg', 'compute1'): (7, 5),
    ('revert', 'vscsi', 'compute1'): (22, 17),
    ('snapshot', 'ssp', 'compute1'): (6, 2),
    ('soft reboot', 'ssp', 'compute1'): (4, 2),
    ('soft reboot', 'vg', 'compute1'): (4, 2),
    ('start', 'npiv', 'compute1'): (2, 2),
    ('start', 'ssp', 'compute1'): (2, 2),
    ('start', 'vg', 'compute1'): (2, 2),
    ('start', 'vscsi', 'compute1'): (2, 2),
    ('stop', 'ssp', 'compute1'): (4, 2),
    ('stop', 'vg', 'compute1'): (4, 2),
    ('unrescue', 'ssp', 'compute1'): (8, 6),
    ('unrescue', 'vg', 'compute1'): (8, 6),
}
