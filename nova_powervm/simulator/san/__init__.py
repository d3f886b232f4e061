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
methods of network.San are this interface for tests in the same process; other
clients use the control API. A VIOS sees a volume after the job LUARecovery. A
partition with a virtual port sees it the next time it looks.

The zones allow everything: an initiator reaches all targets of its fabric.
"""
