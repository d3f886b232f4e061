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

"""Answers of the platform that came, and cannot be used.

They are failures of a request like any other: what is raised is a pypowervm
Error, so that whoever tries again, reverts or does without does so here too.
"""

import contextlib

from pypowervm import exceptions as pvm_exc

#: What pypowervm raises if a request was sent, and no answer came: whether
#: it was done is not known.
NO_ANSWER = (pvm_exc.ConnectionError, pvm_exc.TimeoutError)


class UnusableAnswer(pvm_exc.AtomError):
    """The platform answered, but not what it was asked.

    pypowervm raises AtomError itself if an answer that should be XML is not.

    :param msg: str, what is wrong with it.
    :param response: the pypowervm Response, or None.
    """

    def __init__(self, msg, response=None):
        super().__init__(msg, response)


@contextlib.contextmanager
def understood(what, answer=None):
    """While an answer is taken apart: what that may raise is about it.

    :param what: str, what was asked for.
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
    """Make sure that an answer is a list, or one object, as was asked.

    :param answer: pypowervm Response.
    :param is_list: bool, whether a list was asked for.
    :returns: answer
    :raises UnusableAnswer: if it is the other.
    """
    if (answer.entry if is_list else answer.feed) is not None:
        raise UnusableAnswer('The answer to %s is %s' % (
            answer.reqpath, 'one object instead of a list' if is_list else
            'a list instead of one object'), answer)
    return answer


def check_made(answer):
    """Make sure that an answer to a change tells what has become of it.

    :param answer: pypowervm Response.
    :returns: answer
    :raises UnusableAnswer: if it is empty. The change was made then, or not.
    """
    if answer.entry is None:
        raise UnusableAnswer('The answer to %s %s is empty, or a list' % (
            answer.reqmethod, answer.reqpath), answer)
    return answer
