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

"""Slot maps: store the addresses of a server's devices so that they stay.

A device of an LPAR has a slot, the number of a virtual adapter. A disk behind
a virtual SCSI adapter also has a logical unit address (LUA). The guest knows
its devices by slot and LUA. If the driver does not set them, the platform
chooses them. When the LPAR is created again, on this host or another, its
devices might get other addresses. So the map of each server is kept in a store
(see nvram) and used for the new LPAR.

The map has the form of pypowervm's SlotMapStore: a dict of slot -> class of
device -> identity of the device -> detail. In addition to pypowervm's classes
a slot has two classes of this driver, which pypowervm ignores: the VIOS behind
the slot, and the addresses of disks and media by name. The names of a server's
own disks and its config drive are computed from its UUID, so they are the same
after a move; a new config drive has another UDID.

The parts work together as follows:

* An operation that changes devices has a ServerSlots (module server). The
  StorageTransaction of its flow and the tasks for network adapters record the
  resulting devices in it, from answers that they get anyway, so this costs no
  request. Its save() queues the change.
* SlotMaps (module maps) exists once per driver. It lets the worker of nvram
  apply the queued changes to the map in the store (module slot_map). A change
  that could not be stored stays queued, and the next change or event repeats
  the attempt. A map that is read in the meantime includes it.
* For a new LPAR of an existing server, ServerSlots reads the map and returns
  the slot of each port, and the slot and address of each disk (module plan).
  One VIOS is behind each slot with disks. The plan assigns the VIOSes of the
  new host to slots in such a way that most disks keep their addresses. Without
  a map, or for a device that is not in it, the platform chooses, or the driver
  chooses a slot that is not in the map. So a map that cannot be fetched, is
  damaged or is out of date stops no operation.
* The map is deleted with the server.
* Without a store there are NoSlotMaps and NoSlots (module no_slots), which
  store nothing and leave each choice to the platform.

The driver does not use pypowervm's own RebuildSlotMap, because it fails for
servers with virtual media, such as a config drive, and for disks that are not
in the map.
"""
