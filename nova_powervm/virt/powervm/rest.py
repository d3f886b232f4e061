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

"""The session with the PowerVM REST API server.

pypowervm checks the server's certificate at logon only, and with means that
Python 3.12 no longer has. The session here checks it on every request. What
this driver has to know of pypowervm's private parts is in this module.
"""

import collections
import copy
import json
import re
import threading
import types
import typing

from oslo_log import log as logging
from pypowervm import adapter as pvm_adapter
from pypowervm import const as pvm_const
from pypowervm import exceptions as pvm_exc
from pypowervm.helpers import vios_busy
from pypowervm.wrappers import event as pvm_event
from pypowervm.wrappers import managed_system as pvm_ms
import tenacity

from nova_powervm import conf as cfg
from nova_powervm.virt.powervm import answers
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm import lpars_here
from nova_powervm.virt.powervm import parallel_requests
from nova_powervm.virt.powervm import rest_log
from nova_powervm.virt.powervm import rest_reasons
from nova_powervm.virt.powervm import rest_settings
from nova_powervm.virt.powervm import switch_over
from nova_powervm.virt.powervm import transport

LOG = logging.getLogger(__name__)
CONF = cfg.CONF

# Seconds to wait for the answer to a logon, and to a logoff.
LOGON_TIMEOUT = 60
# Seconds to wait for the end of a session on a server that may be down.
LOGOFF_TIMEOUT = 10
# Seconds between two attempts to reach the server at start.
RETRY_INTERVAL = 2
_FORBIDDEN = 403
# Seconds after which the server answers a poll for events at the latest
# (pypowervm says "on the order of 10s"; assumed, no hardware).
EVENT_POLL_CEILING = 30
# Types whose root feeds have the objects of all systems of an HMC. Two systems
# may have an LPAR with the same UUID. What is read of them is of one system.
_SCOPED = {'LogicalPartition': (None, 'quick', pvm_const.SUFFIX_TYPE_DO),
           'VirtualIOServer': (None, 'quick')}
# What the body of a refusal says.
_MESSAGE = re.compile('<Message[^>]*>([^<]*)')
# Request helpers of a read for which a missing object is no error to log: it
# waits for a busy platform as all requests do.
UNLOGGED = [vios_busy.vios_busy_retry_helper]


def is_hmc(session):
    """Return whether the REST server is an HMC, which may have many systems.

    :param session: a pypowervm Session that has logged on.
    """
    return session.mc_type == 'HMC'


# pypowervm makes a session of requests for each request, and has nothing to
# choose its class with. This is its function, which finds ours instead.
_request = types.FunctionType(
    pvm_adapter.Session.request.__code__,
    dict(vars(pvm_adapter), requests=transport),
    argdefs=pvm_adapter.Session.request.__defaults__)


#: In the paths of jobs, and in those to which they are submitted.
_JOBS, _SUBMIT = '/uom/jobs/', '/do/'


class Session(pvm_adapter.Session):
    """A session that checks the server's certificate on every request.

    With several HMCs it goes on with another one when it loses the first.

    :ivar system: System wrapper of the managed system, which another HMC has
        to manage as well; None as long as it is not known.
    :ivar on_switch: called without arguments after a logon to another HMC,
        which knows nothing of former jobs and events.
    :ivar on_poll: called without arguments after an answer with all events
        until now.
    :param ca_file: PEM file of trusted authorities, or None for those that
        requests trusts. Of use with protocol https only.
    :param hosts: list of str, of all servers that may be used.
    :param kwargs: as for pypowervm.adapter.Session.
    """

    system: typing.Any
    host: str
    _sessToken: str | None
    _relogin_unsafe: bool

    def __init__(self, ca_file=None, hosts=(), **kwargs):
        self._verify = ca_file or True
        self._handler = None
        self._servers = switch_over.SwitchOver(hosts)
        self._lpars_here = lpars_here.LparsHere()
        self._parallel = parallel_requests.ParallelRequests()
        self._is_closed, self.system = False, None
        self.on_switch = self.on_poll = lambda: None
        # The server to which a thread has submitted a job.
        self._jobs = threading.local()
        # Without certpath pypowervm leaves the certificate to request().
        super().__init__(certpath=None, timeout=LOGON_TIMEOUT, **kwargs)
        # pypowervm compares it: an update has an hour, or this if it is more.
        self.timeout = transport.read_timeout()

    def __del__(self):
        """Do nothing: whoever has a session closes it.

        pypowervm would log off here. The garbage collector runs in any
        thread, which may hold a lock or be the one that is to answer.
        """

    def request(self, method, path, *args, **kwargs):
        if self.protocol == 'https':
            kwargs['verify'] = self._verify
        if kwargs.get('timeout', -1) == -1:
            kwargs['timeout'] = (LOGON_TIMEOUT if path == pvm_const.LOGON_PATH
                                 else self.timeout)
        kwargs['timeout'] = transport.timeouts(kwargs['timeout'])
        self._check_job(method, path)
        # It may log on again, also elsewhere.
        self._lpars_here.check(self, method, path)
        token = self._sessToken
        try:
            with self._parallel.one(is_hmc(self), path, kwargs), (
                    self._servers.sending(token)):
                answer = self._send(token, method, path, *args, **kwargs)
            self._lpars_here.note(self, method, path, answer)
            if method == 'GET' and parallel_requests.EVENTS in path:
                self.on_poll()
            return answer
        except pvm_exc.Error as exc:
            self._lpars_here.note_failure(self, path)
            # Who has little patience learns nothing about the server.
            if (self._is_closed or not kwargs.get('relogin', True) or
                    isinstance(exc, pvm_exc.TimeoutError) and
                    kwargs['timeout'][1] < self.timeout or
                    not self._servers.goes_on(self, token, exc)):
                raise
            # Nobody knows whether the lost server has done what it was to do.
            if (method != 'GET' or kwargs.get('filehandle') is not None or
                    _JOBS in path):
                raise
        return _request(self, method, path, *args, **kwargs)

    def _check_job(self, method, path):
        """Ask no other HMC for a job: it may have one with the same ID.

        A thread follows the job that it has submitted.

        :raises pypowervm.exceptions.ConnectionError: if the thread has
            submitted its last job to an HMC that was lost since then.
        """
        if method == 'PUT' and _SUBMIT in path:
            self._jobs.host = self.host
        elif _JOBS in path and getattr(
                self._jobs, 'host', self.host) != self.host:
            raise pvm_exc.ConnectionError(
                'The job was submitted to %s, which was lost' %
                self._jobs.host)

    def _send(self, token, method, path, *args, **kwargs):
        """Send a request; log on again if the token has expired."""
        try:
            return _request(self, method, path, *args, **kwargs)
        except pvm_exc.HttpError as exc:
            if not self._has_expired(exc, kwargs):
                raise
            self._renew(token, exc)
        return _request(self, method, path, *args, **kwargs)

    def _renew(self, token, expired):
        """Log on again, once for all threads whose token has expired.

        If the user is refused, it is not tried again: that might lock the
        user. pypowervm does the same after a status 401.
        """
        with self._lock:
            if self._sessToken != token:
                return
            if self._relogin_unsafe:
                raise expired
            LOG.info('The token of the REST session has expired; logging on '
                     'again.')
            try:
                self._logon()
            except pvm_exc.HttpError as exc:
                self._relogin_unsafe = (exc.response.status in
                                        switch_over.REFUSED)
                raise

    def _has_expired(self, exc, kwargs):
        """Whether an HMC refuses a request because the token has expired.

        IBM documents the status 403 for this; pypowervm knows 401 only. A
        request that sends a stream cannot be repeated.
        """
        message = _MESSAGE.search(exc.response.body or '')
        return (is_hmc(self) and
                exc.response.status == _FORBIDDEN and
                kwargs.get('relogin', True) and not kwargs.get('login') and
                kwargs.get('filehandle') is None and
                message is not None and
                any(word in message.group(1).lower()
                    for word in ('session', 'token')))

    # ---- another server ------------------------------------------------

    @property
    def token(self):
        """What the server has given this session: str, or None."""
        return self._sessToken

    @property
    def is_refused(self):
        """Whether the server has refused user and password."""
        return self._relogin_unsafe

    def elsewhere(self, host, token=None):
        """Return a session for another server, which has not logged on.

        :param host: str
        :param token: str, of a session that the server has, if there is one.
        :returns: Session, which never logs on by itself.
        """
        other = copy.copy(self)
        other.host = host
        other.dest = rest_settings.url(self.protocol, host, self.port)
        other.timeout = LOGON_TIMEOUT
        other._sessToken = token
        other._lock = threading.RLock()
        other._relogin_unsafe = True
        other._eventlistener = other._handler = None
        other._servers = switch_over.SwitchOver(())
        other._parallel = parallel_requests.ParallelRequests()
        return other

    def log_on(self):
        """Log on (1 request)."""
        self._logon()

    def read_system(self):
        """Read the managed system: System wrapper (1 request)."""
        return pvm_ms.System.wrap(Adapter(self).read(
            pvm_ms.System.schema_type, self.system.uuid))

    def adopt(self, other):
        """Go on with another session.

        :param other: Session that has logged on to another server.
        :returns: Session that is to be ended: that of the lost server, or the
            other one if this session was closed meanwhile.
        """
        with self._lock:
            if self._is_closed:
                return other
            left = self.elsewhere(self.host, self._sessToken)
            self.host, self.dest = other.host, other.dest
            self._sessToken = other._sessToken
            self._logged_in, self._relogin_unsafe = True, False
            return left

    def end(self):
        """Log off a session that was left (1 request).

        :raises pypowervm.exceptions.Error: if the server does not answer.
        """
        if self._sessToken is not None:
            self.request('DELETE', pvm_const.LOGON_PATH, relogin=False,
                         timeout=LOGOFF_TIMEOUT)

    # ---- events and end ------------------------------------------------

    def listen(self, handler):
        """Hand the platform's events to a handler, in a thread of its own.

        :param handler: a pypowervm event handler.
        :raises ValueError, pypowervm.exceptions.Error: if the server does not
            open an event queue.
        """
        self.get_event_listener().subscribe(handler)
        self._handler = handler

    def close(self):
        """End the event thread and log off. May be called twice."""
        self._is_closed = True
        if self._handler is not None:
            self._stop_listening()
        self._logoff()
        self._servers.end_left()

    def _stop_listening(self):
        listener = self.get_event_listener()
        thread = listener._pthread
        listener.unsubscribe(self._handler)
        self._handler = None
        # The thread ends when the server answers its current poll; an event
        # of our own makes a NovaLink do that now. An HMC takes no events.
        if not is_hmc(self):
            self._wake_up()
        thread.join(EVENT_POLL_CEILING)
        if thread.is_alive():
            LOG.warning('The event thread has not ended in %d seconds.',
                        EVENT_POLL_CEILING)

    def _wake_up(self):
        """Have the server answer the poll for events."""
        try:
            pvm_event.Event.bld(
                pvm_adapter.Adapter(self), 'nova-powervm',
                json.dumps({'provider': 'NOVA_PVM_SHUTDOWN'})).create()
        except pvm_exc.Error as exc:
            LOG.warning('The event thread will end when its poll does: %s',
                        exc)


class Adapter(pvm_adapter.Adapter):
    """An adapter that reads the form for each kind of job only once.

    An answer of the wrong kind raises an Error of pypowervm, see answers.

    A form is the same for all partitions (source: job_request_power_off.txt
    of pypowervm's captures); to read it each time is 1 request in 4 of a job.
    An HMC is asked for it below the system, as two systems may have an LPAR
    with one UUID. Each job for an LPAR is submitted there, too.

    :param kwargs: as for pypowervm.adapter.Adapter.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._forms = {}
        # Kind of a form -> lock that is held while a thread reads it.
        self._form_locks = {}
        self._scope = None

    def manage(self, system):
        """Choose the system that all requests for partitions are for.

        From an HMC, a read of LPARs or VIOSes then gets those of this system
        only, whoever sends it. A NovaLink has no others.

        :param system: System wrapper of the managed system.
        """
        # pypowervm would take the first system of the feed.
        self._sys_uuid = system.uuid
        self.session.system = system
        self._scope = system.uuid if is_hmc(self.session) else None

    def read(self, root_type, root_id=None, *args, **kwargs):
        if self._is_scoped(root_type, args, kwargs):
            kwargs.update(child_type=root_type, child_id=root_id)
            root_type, root_id = pvm_ms.System.schema_type, self._scope
        return self._read(root_type, root_id, *args, **kwargs)

    def _is_scoped(self, root_type, args, kwargs):
        return (self._scope and not args and not kwargs.get('child_type') and
                kwargs.get('suffix_type') in _SCOPED.get(root_type, ()))

    def read_anywhere(self, root_type, root_id, **kwargs):
        """Read an object, on whichever system of an HMC it is."""
        return self._read(root_type, root_id, **kwargs)

    def delete(self, root_type, root_id=None, *args, **kwargs):
        if self._is_scoped(root_type, args, kwargs):
            kwargs.update(child_type=root_type, child_id=root_id)
            root_type, root_id = pvm_ms.System.schema_type, self._scope
        return super().delete(root_type, root_id, *args, **kwargs)

    def create_job(self, job, root_type, root_id=None, *args, **kwargs):
        if self._is_scoped(root_type, args, dict(
                kwargs, suffix_type=pvm_const.SUFFIX_TYPE_DO)):
            kwargs.update(child_type=root_type, child_id=root_id)
            root_type, root_id = pvm_ms.System.schema_type, self._scope
        return super().create_job(job, root_type, root_id, *args, **kwargs)

    def _read(self, root_type, root_id=None, *args, **kwargs):
        if kwargs.get('suffix_type') != pvm_const.SUFFIX_TYPE_DO:
            answer = super().read(root_type, root_id, *args, **kwargs)
            if args or kwargs.get('service', 'uom') != 'uom' or kwargs.get(
                    'suffix_type'):
                return answer
            return answers.check_kind(answer, not (kwargs.get(
                'child_id') if kwargs.get('child_type') else root_id))
        kind = root_type, kwargs.get('child_type'), kwargs.get('suffix_parm')
        with self._form_locks.setdefault(kind, threading.Lock()):
            if kind not in self._forms:
                self._forms[kind] = super().read(root_type, root_id, *args,
                                                 **kwargs)
        # What is filled in must not be there the next time.
        return copy.deepcopy(self._forms[kind])

    def create_by_path(self, *args, **kwargs):
        return answers.check_made(super().create_by_path(*args, **kwargs))

    def update_by_path(self, *args, **kwargs):
        return answers.check_made(super().update_by_path(*args, **kwargs))


def connect(passed_over=()):
    """Log on to the first REST server of the configuration that answers.

    :param passed_over: hosts of servers that are of no use.
    :returns: a pypowervm Adapter on a Session.
    :raises nova.exception.InvalidConfiguration: if the options make no sense.
    :raises RestAuthenticationFailed: if user and password are refused.
    :raises RestServerUnavailable: if no server can be reached (in
        rest_connect_timeout seconds) or used.
    """
    settings = rest_settings.read()
    hosts = rest_settings.hosts(passed_over)
    urls = ' or '.join(
        rest_settings.url(settings['protocol'], host, settings['port'])
        for host in hosts)

    reasons = rest_reasons.Reasons()

    def log_wait(attempt):
        error = rest_reasons.explain(str(attempt.outcome.exception()))
        if reasons.is_worth_a_line(error):
            LOG.warning('Waiting for the PowerVM REST API server at %(url)s: '
                        '%(error)s', {'url': urls, 'error': error})

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_pass),
        stop=tenacity.stop_after_delay(CONF.powervm.rest_connect_timeout),
        wait=tenacity.wait_fixed(RETRY_INTERVAL),
        before_sleep=log_wait, reraise=True)
    try:
        return retrying(_log_on, hosts, settings, collections.defaultdict(
            rest_reasons.Reasons))
    except pvm_exc.HttpUnauth:
        raise exception.RestAuthenticationFailed(
            url=urls, user=settings['username']) from None
    except pvm_exc.Error as exc:
        raise exception.RestServerUnavailable(
            url=urls, reason=str(exc)) from exc


def _log_on(hosts, settings, reasons):
    """Log on to the first server that answers.

    :param hosts: list of str, those that are tried.
    :param reasons: dict of str, a host -> rest_reasons.Reasons.
    :raises pypowervm.exceptions.Error: if a server refuses the user: another
        attempt might lock it on the others, too. Otherwise one that may pass,
        or that of the last server.
    """
    errors = []
    for host in hosts:
        try:
            return _log_on_to(host, settings)
        except pvm_exc.Error as exc:
            if getattr(exc.response, 'status', None) in switch_over.REFUSED:
                raise
            errors.append(exc)
        error = rest_reasons.explain(str(errors[-1]))
        if len(settings['hosts']) > 1 and reasons[host].is_worth_a_line(error):
            LOG.warning('There is no REST API server at %(host)s: %(error)s',
                        {'host': host, 'error': error})
    raise next(filter(_may_pass, errors), errors[-1])


def _log_on_to(host, settings):
    # An HMC writes the memento to its log, beside what this host does.
    return Adapter(Session(auditmemento='nova-compute %s' % CONF.host,
                           host=host, **settings),
                   helpers=[rest_log.RestLog(), *UNLOGGED])


def _may_pass(exc):
    """Whether the server may merely not be up yet."""
    if isinstance(exc, pvm_exc.HttpError):
        return exc.response.status in (
            pvm_const.HTTPStatus.NOT_FOUND,
            pvm_const.HTTPStatus.SERVICE_UNAVAILABLE)
    return isinstance(exc, (pvm_exc.ConnectionError, pvm_exc.TimeoutError))
