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

"""Slot maps: where a server finds its devices, kept so that they stay there.

A device of an LPAR is at a slot, the number of a virtual adapter, and a disk
behind a virtual SCSI adapter at a logical unit address (LUA) too. The guest
knows its devices by them. The platform chooses both when it is not told. If
the LPAR is made again, on this host or another, its devices might get others.
So the map of each server is kept in a store (see nvram) and followed then.

The map has the form of pypowervm's SlotMapStore: a dict of slot -> class of
device -> identity of the device -> detail. Beside pypowervm's classes a slot
has two of ours, which pypowervm does not look at: the VIOS that it leads to,
and the addresses of disks and media by name. The names of a server's own
disks and its config drive are computed from its UUID, so they are the same
after a move; the UDID of a config drive that is made again is not.

How it works together:

* An operation that changes devices has a ServerSlots (module server). The
  StorageTransaction of its flow and the tasks on network adapters tell it
  which devices there are afterwards, which they know from the answers of the
  platform: no request is sent for it. Its save() queues the change.
* SlotMaps (module maps), one per driver, has the worker of nvram apply what is
  queued to the map in the store (module slot_map). What could not be stored
  stays queued, and the next change or event tries it again; a map that is read
  meanwhile has it.
* For an LPAR that is made again, ServerSlots reads the map and tells the slot
  of each port, and the slot and address of each disk (module plan). A slot
  behind which there were disks belongs to one VIOS; which of those on the new
  host takes it is chosen so that most disks come to where they were. Without a
  map, or for what is not in it, the platform chooses, or a slot is chosen that
  is not in the map. So a map that cannot be fetched, is damaged or out of date
  hinders nobody.
* The map is deleted with the server.
* Without a store there are NoSlotMaps and NoSlots (module no_slots), which
  keep nothing and leave each choice to the platform.

pypowervm's own RebuildSlotMap is not used: it gives up on servers that have
virtual media, which a config drive is, and on disks that are not in the map.
"""
