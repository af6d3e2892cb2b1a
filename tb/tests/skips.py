#!/usr/bin/env python3
"""No test is skipped quietly: skips.py EXPECTED RESULTS.xml... prints what was skipped, reason by reason.

RESULTS.xml: ctest --output-junit. EXPECTED: a regular expression a line, "#" starts a comment. Exit code 1 where a test was
skipped for a reason that no line matches, or was not run at all.
"""
import collections
import re
import sys
import xml.etree.ElementTree as xml


def reason_of(case):
    """What the test itself said: GoogleTest's line behind "Skipped", a script's behind "skipped:"."""
    output = case.findtext('system-out') or ''
    script = re.search(r'^skipped: (.*)', output, re.M)
    google = re.search(r': Skipped\n(.*)', output)
    said = script or google
    return said.group(1).strip() if said else 'no reason given'


def main():
    with open(sys.argv[1], encoding='utf-8') as file:
        expected = [line.strip() for line in file if line.strip() and not line.startswith('#')]
    reasons, tests, wrong = collections.defaultdict(list), 0, 0
    for results in sys.argv[2:]:
        for case in xml.parse(results).iter('testcase'):
            tests += 1
            skipped = case.find('skipped')
            if skipped is not None:
                reason = reason_of(case) if 'SKIP' in skipped.get('message', '') else skipped.get('message', 'not run')
                reasons[reason].append(case.get('name'))
            elif case.get('status') not in ('run', 'fail'):
                reasons[case.get('status')].append(case.get('name'))
    for reason, names in sorted(reasons.items()):
        good = any(re.search(pattern, reason) for pattern in expected)
        wrong += not good
        shown = ', '.join(names[:3]) + (f' and {len(names) - 3} more' if len(names) > 3 else '')
        print(f'{"skipped" if good else "SKIPPED, not expected"}: {reason}: {shown}')
    print(f'{tests} tests, {sum(map(len, reasons.values()))} skipped, {wrong} reasons that are not expected')
    return 1 if wrong else 0


sys.exit(main())
