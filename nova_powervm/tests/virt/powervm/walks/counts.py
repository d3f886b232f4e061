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
a little nothing is wrong; row.count() counts anew.
"""

#: Operation, platform, host -> all requests, and those that change something.
COUNTS = {
    ('attach', 'npiv', 'compute1'): (1, 0),
    ('attach', 'vscsi', 'compute1'): (8, 6),
    ('attach port', 'ssp', 'compute1'): (4, 2),
    ('attach port', 'vg', 'compute1'): (4, 2),
    ('boot of the host', 'vg', 'compute1'): (24, 5),
    ('confirm', 'npiv', 'compute1'): (2, 1),
    ('confirm', 'ssp', 'compute1'): (2, 1),
    ('confirm', 'vg', 'compute1'): (2, 1),
    ('confirm', 'vscsi', 'compute1'): (2, 1),
    ('confirm move', 'npiv2', 'compute1'): (8, 4),
    ('confirm move', 'ssp2', 'compute1'): (9, 4),
    ('confirm move', 'vscsi2', 'compute1'): (8, 4),
    ('delete', 'npiv', 'compute1'): (12, 8),
    ('delete', 'ssp', 'compute1'): (12, 8),
    ('delete', 'vg', 'compute1'): (11, 7),
    ('delete', 'vscsi', 'compute1'): (16, 12),
    ('detach', 'vscsi', 'compute1'): (8, 6),
    ('detach port', 'ssp', 'compute1'): (4, 2),
    ('detach port', 'vg', 'compute1'): (4, 2),
    ('evacuate', 'ssp2', 'compute1'): (2, 2),
    ('evacuate', 'ssp2', 'compute2'): (20, 13),
    ('extend', 'vscsi', 'compute1'): (5, 4),
    ('hard reboot', 'npiv', 'compute1'): (8, 4),
    ('hard reboot', 'ssp', 'compute1'): (9, 4),
    ('hard reboot', 'vg', 'compute1'): (8, 4),
    ('hard reboot', 'vscsi', 'compute1'): (12, 8),
    ('make', 'npiv', 'compute1'): (17, 14),
    ('make', 'ssp', 'compute1'): (14, 12),
    ('make', 'vg', 'compute1'): (13, 11),
    ('make', 'vscsi', 'compute1'): (18, 16),
    ('migrate', 'npiv2', 'compute1'): (6, 4),
    ('migrate', 'npiv2', 'compute2'): (14, 11),
    ('migrate', 'ssp2', 'compute1'): (7, 4),
    ('migrate', 'ssp2', 'compute2'): (15, 11),
    ('migrate', 'vscsi2', 'compute1'): (10, 8),
    ('migrate', 'vscsi2', 'compute2'): (18, 15),
    ('migrate back', 'npiv2', 'compute1'): (9, 4),
    ('migrate back', 'npiv2', 'compute2'): (11, 7),
    ('migrate back', 'ssp2', 'compute1'): (10, 4),
    ('migrate back', 'ssp2', 'compute2'): (12, 7),
    ('migrate back', 'vscsi2', 'compute1'): (13, 8),
    ('migrate back', 'vscsi2', 'compute2'): (15, 11),
    ('periodic tasks', 'npiv', 'compute1'): (4, 0),
    ('periodic tasks', 'ssp', 'compute1'): (7, 0),
    ('periodic tasks', 'vg', 'compute1'): (4, 0),
    ('periodic tasks', 'vscsi', 'compute1'): (4, 0),
    ('rebuild', 'npiv', 'compute1'): (29, 22),
    ('rebuild', 'ssp', 'compute1'): (29, 22),
    ('rebuild', 'vg', 'compute1'): (27, 20),
    ('rebuild', 'vscsi', 'compute1'): (44, 35),
    ('rescue', 'ssp', 'compute1'): (16, 12),
    ('rescue', 'vg', 'compute1'): (16, 12),
    ('resize', 'npiv', 'compute1'): (9, 5),
    ('resize', 'ssp', 'compute1'): (8, 5),
    ('resize', 'vg', 'compute1'): (8, 5),
    ('resize', 'vscsi', 'compute1'): (22, 17),
    ('restart', 'npiv', 'compute1'): (22, 3),
    ('restart', 'ssp', 'compute1'): (22, 3),
    ('restart', 'vg', 'compute1'): (21, 3),
    ('restart', 'vscsi', 'compute1'): (23, 3),
    ('revert', 'npiv', 'compute1'): (9, 5),
    ('revert', 'ssp', 'compute1'): (7, 5),
    ('revert', 'vg', 'compute1'): (7, 5),
    ('revert', 'vscsi', 'compute1'): (22, 17),
    ('snapshot', 'ssp', 'compute1'): (5, 2),
    ('soft reboot', 'ssp', 'compute1'): (3, 2),
    ('soft reboot', 'vg', 'compute1'): (3, 2),
    ('start', 'npiv', 'compute1'): (2, 2),
    ('start', 'ssp', 'compute1'): (2, 2),
    ('start', 'vg', 'compute1'): (2, 2),
    ('start', 'vscsi', 'compute1'): (2, 2),
    ('stop', 'ssp', 'compute1'): (3, 2),
    ('stop', 'vg', 'compute1'): (3, 2),
    ('unrescue', 'ssp', 'compute1'): (8, 6),
    ('unrescue', 'vg', 'compute1'): (8, 6),
}
