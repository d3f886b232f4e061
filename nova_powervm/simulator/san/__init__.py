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

"""The storage area network of a site: fabrics, arrays and their volumes.

A volume is a LUN with real bytes. Whoever manages an array (Cinder does)
creates volumes there, and exports them to initiators: World-Wide Port Names
(WWPNs) of physical ports of VIOSes, or of virtual ports of partitions. The
methods of network.San are that interface, for tests in the same process; the
control API has it for others. The volumes say nothing by themselves: a VIOS
sees one after the job LUARecovery, a partition with a virtual port as soon as
it looks.

Everything is zoned: an initiator reaches all targets of its fabric.
"""
