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

"""How bytes are sent to Virtual I/O Servers."""

from oslo_utils import excutils
from pypowervm.helpers import vios_busy
from pypowervm.wrappers import vios_file
import requests

from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm import utils


def upload(host, vios_uuid, file_type, name, stream, size, sha256=None,
           target_udid=None):
    """Send bytes to a VIOS (3 requests).

    The web File that describes the upload is deleted whatever happens; if
    even that fails, delete_files() finds it by its name.

    :param host: the owner of the REST connection (host.Host).
    :param file_type: vios_file.FileType of what the bytes are.
    :param name: str, name of the File, and of the medium it becomes.
    :param stream: file or iterable of bytes; read once, chunk by chunk.
    :param size: int, number of bytes in it.
    :param sha256: hex digest for the platform to check, if known.
    :param target_udid: UDID of the disk that takes the bytes.
    """
    adapter = host.adapter
    try:
        file_w = vios_file.File.bld(
            adapter, name, file_type, vios_uuid, sha_chksum=sha256,
            f_size=size, tdev_udid=target_udid).create()
    except Exception:
        with excutils.save_and_reraise_exception():
            # The answer may have been lost after the File was made.
            utils.try_to('delete the web File %s' % name, delete_files,
                         host, [name], vios_uuid)
    try:
        adapter.upload_file(file_w.element, _source(stream),
                            helpers=_upload_helpers(adapter))
    finally:
        # The second try is for an answer that was lost.
        what = 'delete the web File %s' % name
        if not utils.try_to(what, _delete_file, adapter, file_w):
            utils.try_to(what, _delete_file, adapter, file_w)


def _source(stream):
    """What pypowervm reads the bytes from.

    If the stream raises something, pypowervm logs an ERROR with a trace; if a
    connection breaks, one line. So it is told the latter. Whoever has the
    stream knows the reason.
    """
    if hasattr(stream, 'read'):
        return stream

    def chunks():
        try:
            yield from stream
        except Exception as exc:
            raise requests.exceptions.ConnectionError(str(exc)) from exc

    return chunks()


def _upload_helpers(adapter):
    """Request helpers that do not repeat a request whose body is spent.

    After a busy answer, and after the 401 of an expired token, pypowervm
    1.1.27 would send it again with an empty body and report success.
    """
    def without_relogin(request):
        def call(*args, **kwargs):
            return request(*args, relogin=False, **kwargs)
        return call

    return [helper for helper in adapter.helpers
            if helper is not vios_busy.vios_busy_retry_helper
            ] + [without_relogin]


def delete_files(host, names, vios_uuid):
    """Delete the web Files of these names (1 request, and 1 for each).

    :param host: the owner of the REST connection (host.Host).
    :param names: collection of str.
    :param vios_uuid: UUID of the VIOS that they were to go to: an HMC has
        those of all its hosts.
    """
    for file_w in host.upload_files():
        if (file_w.file_name in names and
                (file_w.vios_uuid or '').lower() == vios_uuid.lower()):
            _delete_file(host.adapter, file_w)


def _delete_file(adapter, file_w):
    deletion.upload(adapter, file_w, deletion.upload_proof(file_w.file_name))
