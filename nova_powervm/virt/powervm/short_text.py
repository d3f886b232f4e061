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

"""Messages that fit one line of a log or of a terminal."""

#: Most characters of a message that refuses an option.
LIMIT = 200
# Fewest characters that are left of a list, and of a text.
_LIST, _TEXT = 40, 24


def fit(template, values, limit=LIMIT):
    """Shorten values so that a message is one line of limited length.

    Lists lose their last items first, then the longest texts their ends.

    :param template: str, the format of the message.
    :param values: dict of what it formats: str, list of str, or other things.
    :returns: dict like ``values``, with a str for each list.
    """
    lists = {name: [str(item) for item in value]
             for name, value in values.items()
             if isinstance(value, (list, tuple, set, frozenset))}
    found = {name: ' '.join(value.split()) if isinstance(value, str)
             else value for name, value in values.items()}
    found.update({name: ', '.join(items) or 'none'
                  for name, items in lists.items()})
    for name, items in lists.items():
        over = len(template % found) - limit
        if over > 0:
            found[name] = _first(items, max(len(found[name]) - over, _LIST))
    texts = [name for name, value in found.items() if isinstance(value, str)]
    # What is wrong is worth more than the value.
    for name in sorted(texts, key=lambda text: (text == 'reason',
                                                -len(found[text]))):
        over = len(template % found) - limit
        if over > 0:
            found[name] = cut(found[name],
                              max(len(found[name]) - over, _TEXT))
    return found


def cut(text, room):
    """Shorten a text that is longer than some characters."""
    return text if len(text) <= room else text[:room - 3] + '...'


def _first(items, room):
    """Name the first items, and how many more there are."""
    for count in range(len(items) - 1, 0, -1):
        text = '%s and %d more' % (', '.join(items[:count]),
                                   len(items) - count)
        if len(text) <= room:
            return text
    return cut(', '.join(items), room)
