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

"""Upload data to Virtual I/O Servers."""

from oslo_utils import excutils
from pypowervm.helpers import vios_busy
from pypowervm.wrappers import vios_file
import requests

from nova_powervm.virt.powervm.storage import deletion
from nova_powervm.virt.powervm import utils


def upload(host, vios_uuid, file_type, name, stream, size, sha256=None,
           target_udid=None):
    """Upload data to a VIOS (3 requests).

    In any case, delete the web File that describes the upload. If even this
    fails, delete_files() finds the File by its name.

    :param host: the owner of the REST connection (host.Host).
    :param file_type: vios_file.FileType of the data.
    :param name: str, name of the File, and of the medium that it becomes.
    :param stream: file or iterable of bytes; read once, in chunks.
    :param size: int, number of bytes in it.
    :param sha256: hex digest for the platform to check, if known.
    :param target_udid: UDID of the disk to write to.
    """
    adapter = host.adapter
    try:
        file_w = vios_file.File.bld(
            adapter, name, file_type, vios_uuid, sha_chksum=sha256,
            f_size=size, tdev_udid=target_udid).create()
    except Exception:
        with excutils.save_and_reraise_exception():
            # The answer may have been lost after the File was created.
            utils.try_to('delete the web File %s' % name, delete_files,
                         host, [name], vios_uuid)
    try:
        adapter.upload_file(file_w.element, _source(stream),
                            helpers=_upload_helpers(adapter))
    finally:
        # The second attempt is for an answer that was lost.
        what = 'delete the web File %s' % name
        if not utils.try_to(what, _delete_file, adapter, file_w):
            utils.try_to(what, _delete_file, adapter, file_w)


def _source(stream):
    """Return the object from which pypowervm reads the data.

    If a stream raises an exception, pypowervm logs an ERROR with a traceback.
    If a connection breaks, it logs one line. So turn the exception into the
    latter. The owner of the stream knows the reason.
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
    """Return request helpers that do not repeat an upload.

    After a busy answer, and after the 401 of an expired token, pypowervm
    1.1.27 would send the request again with an empty body, because the stream
    is spent, and report success.
    """
    def without_relogin(request):
        def call(*args, **kwargs):
            return request(*args, relogin=False, **kwargs)
        return call

    return [helper for helper in adapter.helpers
            if helper is not vios_busy.vios_busy_retry_helper
            ] + [without_relogin]


def delete_files(host, names, vios_uuid):
    """Delete the web Files with these names (1 request, and 1 for each).

    :param host: the owner of the REST connection (host.Host).
    :param names: collection of str.
    :param vios_uuid: UUID of the VIOS that they were for, because an HMC has
        the Files of all its hosts.
    """
    for file_w in host.upload_files():
        if (file_w.file_name in names and
                (file_w.vios_uuid or '').lower() == vios_uuid.lower()):
            _delete_file(host.adapter, file_w)


def _delete_file(adapter, file_w):
    deletion.upload(adapter, file_w, deletion.upload_proof(file_w.file_name))
