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

"""A File: the description of an upload."""

from nova_powervm.simulator import atom
from nova_powervm.simulator import errors
from nova_powervm.simulator.resources import base
from nova_powervm.simulator.resources import uploads
from nova_powervm.simulator.resources import volume_group

el = atom.el


class File(base.Resource):
    """The description of an upload.

    :ivar filename: str
    :ivar size: int, the bytes that the client promised, or None
    :ivar sha256: str, lower case hex digest that it promised, or ''
    :ivar received: int, the bytes that came
    :ivar type: str, the FileEnumType
    :ivar vios_uuid: str
    :ivar device_udid: str, the device that the bytes are for, or ''
    """

    TYPE = 'File'
    SERVICE = 'web'
    METHODS = ('PUT', 'DELETE')

    def __init__(self, host, doc):
        super().__init__(host, host.random_uuid())
        self.filename = doc.text('Filename') or ''
        self.media_type = (doc.text('InternetMediaType') or
                           'application/octet-stream')
        self.sha256 = (doc.text('SHA256') or '').lower()
        self.size = doc.int('ExpectedFileSizeInBytes')
        self.received = 0
        self.type = doc.text('FileEnumType') or ''
        self.vios_uuid = doc.text('TargetVirtualIOServerUUID') or ''
        self.device_udid = doc.text('TargetDeviceUniqueDeviceID') or ''

    @classmethod
    def host_for(cls, endpoint, doc):
        """Choose the host whose VIOS is to get the bytes."""
        return endpoint.get('VirtualIOServer', doc.text(
            'TargetVirtualIOServerUUID') or '').host

    @classmethod
    def create(cls, host, parent, doc):
        made = cls(host, doc)
        if not made.filename:
            raise errors.Refused('Filename is missing')
        if made.type not in uploads.RECEIVERS:
            raise errors.Refused('Files of type %s cannot be uploaded here' %
                                 (made.type or '(none)'))
        if made.type == uploads.MEDIUM:
            volume_group.check_media_name(made.filename)
        host.store.get('VirtualIOServer', made.vios_uuid)
        return made

    def remove(self):
        pass

    def render(self, groups):
        return [
            el('Filename', self.filename),
            el('DateModified', int(self.modified * 1000)),
            el('InternetMediaType', self.media_type),
            el('FileUUID', self.uuid),
            el('SHA256', self.sha256) if self.sha256 else None,
            el('ExpectedFileSizeInBytes', self.size)
            if self.size is not None else None,
            el('CurrentFileSizeInBytes', self.received),
            el('FileEnumType', self.type),
            el('TargetVirtualIOServerUUID', self.vios_uuid),
            el('TargetDeviceUniqueDeviceID', self.device_udid)
            if self.device_udid else None]

    def state(self):
        return {'uuid': self.uuid, 'name': self.filename, 'type': self.type,
                'received': self.received}
