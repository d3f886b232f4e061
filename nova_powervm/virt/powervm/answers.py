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

"""Turn answers of the platform that the driver cannot use into errors.

Such an answer counts as a failed request and raises an Error of pypowervm. So
code that retries, reverts or continues without the answer handles both alike.
"""

import contextlib

from pypowervm import exceptions as pvm_exc

#: What pypowervm raises if it sent a request and got no answer. It is unknown
#: whether the platform executed the request.
NO_ANSWER = (pvm_exc.ConnectionError, pvm_exc.TimeoutError)


class UnusableAnswer(pvm_exc.AtomError):
    """The platform answered something else than it was asked for.

    If an answer that should be XML is not XML, pypowervm itself raises
    AtomError.

    :param msg: str, what is wrong with the answer.
    :param response: the pypowervm Response, or None.
    """

    def __init__(self, msg, response=None):
        super().__init__(msg, response)


@contextlib.contextmanager
def understood(what, answer=None):
    """Raise UnusableAnswer if the body cannot parse an answer.

    :param what: str, what the request asked for.
    :param answer: the pypowervm Response, if there is one.
    :raises UnusableAnswer: instead of the error.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError,
            ValueError) as exc:
        body = '' if answer is None else ' %.80r' % (answer.body,)
        raise UnusableAnswer('The answer%s to a request for %s cannot be '
                             'used: %s' % (body, what, exc), answer) from exc


def check_kind(answer, is_list):
    """Check that an answer is a list, or one object, as requested.

    :param answer: pypowervm Response.
    :param is_list: bool, whether the request asked for a list.
    :returns: answer
    :raises UnusableAnswer: if it is the other kind.
    """
    if (answer.entry if is_list else answer.feed) is not None:
        raise UnusableAnswer('The answer to %s is %s' % (
            answer.reqpath, 'one object instead of a list' if is_list else
            'a list instead of one object'), answer)
    return answer


def check_made(answer):
    """Check that the answer to a change contains the changed object.

    :param answer: pypowervm Response.
    :returns: answer
    :raises UnusableAnswer: if it does not. It is unknown then whether the
        platform made the change.
    """
    if answer.entry is None:
        raise UnusableAnswer('The answer to %s %s is empty, or a list' % (
            answer.reqmethod, answer.reqpath), answer)
    return answer
