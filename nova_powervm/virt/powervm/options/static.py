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
"""Checks all options of group [powervm], without a request."""

import difflib

from nova import exception as nova_exc
from oslo_config import cfg
from oslo_config import types

from nova_powervm import conf as powervm_conf
from nova_powervm.conf import powervm
from nova_powervm.virt.powervm import exception
from nova_powervm.virt.powervm.options import sources
from nova_powervm.virt.powervm.options import table
from nova_powervm.virt.powervm.volume import fabrics as volume_fabrics

CONF = powervm_conf.CONF

#: Options of nova-powervm 9.0.0 that this driver does not have.
REMOVED = ('fc_npiv_adapter_api', 'fc_vscsi_adapter_api',
           'image_meta_local_path', 'iscsi_iface', 'rbd_user')
_FABRIC = 'fabric_%s_port_wwpns'


def check():
    """Check the options (no request), and register those of the fabrics.

    :raises nova.exception.InvalidConfiguration: for the first one that cannot
        be used, in one line.
    """
    for problem in problems():
        raise problem


def problems():
    """Find the options that cannot be used (no request).

    :returns: iterator of nova.exception.InvalidConfiguration
    """
    written = sources.read(CONF)
    options = {opt.dest: opt for opt in powervm.ALL_OPTS}
    fabrics, problem = _fabrics(options['fabrics'], written)
    rules = dict(table.RULES)
    for fabric in fabrics:
        opt = powervm.fabric_opt(fabric)
        options[opt.dest], rules[opt.dest] = opt, table.FABRIC
    # With a name that is misspelt, another option is missing.
    yield from _unknown(written, options, fabrics if problem is None else None)
    for name, opt in options.items():
        problem = _problem(opt, rules[name], written)
        if problem is not None:
            yield problem
    if fabrics:
        try:
            volume_fabrics.validate_once()
        except exception.InvalidOption as exc:
            yield exc


def _fabrics(opt, written):
    """Register the options of the fabrics.

    :returns: (list of their names, None); ([], exception) if their names
        cannot be used.
    """
    problem = _problem(opt, table.RULES[opt.dest], written)
    if problem is not None:
        return [], problem
    powervm_conf.register_fabrics()
    return CONF.powervm.fabrics, None


def _unknown(written, options, fabrics):
    """Find what somebody has set and nobody reads.

    :param fabrics: list of str; None if it is not known which there are.
    """
    for name, value in sorted(written.items()):
        if name in options:
            continue
        prefix, suffix = _FABRIC.split('%s')
        if name.startswith(prefix) and name.endswith(suffix):
            if fabrics is not None:
                yield exception.InvalidOption(
                    option=name, value=value,
                    reason='the option fabrics does not have this fabric; it '
                    'has %s' % ','.join(fabrics))
            continue
        yield exception.UnknownOption(option=name,
                                      remedy=_remedy(name, options))


def _remedy(name, options):
    similar = difflib.get_close_matches(name, options, 1)
    if name in REMOVED:
        return 'this driver no longer has it; remove it'
    if similar:
        return 'is it %s?' % similar[0]
    return 'remove it; the operator guide lists the options'


def _problem(opt, rule, written):
    """Check one option.

    :returns: nova.exception.InvalidConfiguration, or None.
    """
    try:
        value = CONF.powervm[opt.dest]
    except (cfg.TemplateSubstitutionError, cfg.NoSuchOptError):
        return _invalid(opt, written.get(opt.dest), 'it refers to an option '
                        'that does not exist; write $$ for a $')
    except (ValueError, cfg.Error) as exc:
        return _invalid(opt, written.get(opt.dest),
                        expected(opt) or str(exc.__context__ or exc))
    if value in (None, '', [], ['']):
        return _missing(opt, rule)
    try:
        if rule.only_with and not _is(rule.only_with):
            return _useless(opt, value, *rule.only_with)
        reason = rule.check and rule.check(value)
    except nova_exc.InvalidConfiguration as exc:
        return exc
    except (ValueError, cfg.Error):
        # It depends on another option that cannot be read.
        return None
    return reason and _invalid(opt, value, reason) or None


def _useless(opt, value, other, wanted):
    """Tell that another option makes this one useless, if it is set."""
    return None if value == opt.default else _invalid(
        opt, value, 'it has no effect with %s=%s, only with %s=%s' % (
            other, CONF.powervm[other], other, wanted))


def _missing(opt, rule):
    """Tell what is wrong if an option has no value."""
    try:
        if rule.needed_with and _is(rule.needed_with):
            other, value = rule.needed_with
            return exception.OptRequiredIfOtherOptValue(
                then_opt=opt.dest, if_opt=other, if_value=value)
    except (ValueError, cfg.Error):
        return None
    if opt.default:
        return _invalid(opt, '', 'it is empty; remove the line for the '
                        'default, %s' % _text(opt.default))
    return None


def _is(condition):
    """Whether an option has a value; case does not matter."""
    name, wanted = condition
    return str(CONF.powervm[name]).lower() == str(wanted).lower()


def _invalid(opt, value, reason):
    return exception.InvalidOption(
        option=opt.dest, value='***' if opt.secret else _text(value),
        reason=reason)


def _text(value):
    """Return a value as it is written in a file."""
    return ','.join(value) if isinstance(value, list) else value


def expected(opt):
    """Tell what the type of an option demands: str, '' if that is unknown."""
    kind = opt.type
    if getattr(kind, 'choices', None):
        return 'it must be one of %s' % ', '.join(kind.choices)
    if isinstance(kind, types.Boolean):
        return 'it must be true or false'
    if not isinstance(kind, types.Number):
        return ''
    what = 'whole number' if isinstance(kind, types.Integer) else 'number'
    if kind.max is not None:
        return 'it must be a %s from %g to %g' % (what, kind.min, kind.max)
    return 'it must be a %s of at least %g' % (what, kind.min)
