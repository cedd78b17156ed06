"""Checks the page of kvm-server in headless Chromium.

Keys, clicks and turns of the wheel are made by the browser's driver; what arrived is read from the virtual
target's own text and from screenshots; pictures and recordings are judged by ffmpeg. Every check says what
it saw. Started by `.ci/browser/run`.
"""

import argparse
import os
import sys
import time
import traceback

# The order of the checks is that of these lines.
import checks_picture
import checks_keys
import checks_pointer
import checks_codecs
import checks_viewers
from kvm import CHECKS, Failed, Kvm


def picture_for_the_readme(kvm):
    """Saves the page as the README shows it."""
    kvm.desktop()
    kvm.browser.type("Hello from the browser")
    start = ("move", *kvm.place(380, 90))
    kvm.browser.pointer(start, ("down",), ("move", *kvm.place(760, 330)), ("up",))
    kvm.browser.pointer(("move", *kvm.place(90, 80)), ("down",), ("up",), ("down",), ("up",))
    kvm.browser.wheel(*kvm.place(90, 80), 0, -100)
    kvm.browser.run("document.querySelector('#keys').hidden && document.querySelector('#keys-toggle').click()")
    kvm.focus()
    # Hints have gone by then; the statistics are those of the typing, and the pointer ends on the button.
    time.sleep(4)
    kvm.browser.type("!!!", pause_ms=400)
    kvm.settle()
    with open(kvm.screenshot, "wb") as file:
        file.write(kvm.browser.screenshot())


def run(kvm, word):
    failed = 0
    for function in CHECKS:
        # What the others stand on is always done.
        if word and function is not checks_picture.loads and word not in function.__name__:
            continue
        try:
            seen = function(kvm)
        except Failed as failure:
            failed += 1
            print(f"FAIL {function.__doc__}: {failure}", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL {function.__doc__}: {traceback.format_exc().strip()}", flush=True)
        else:
            print(f"PASS {function.__doc__}: {seen}", flush=True)
        if failed and function is checks_picture.loads:
            break
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="the kvm-server to start")
    parser.add_argument("--screenshot", help="saves the page's picture there")
    parser.add_argument("--only", help="does only the checks whose names have this word")
    options = parser.parse_args()
    kvm = Kvm(os.path.abspath(options.server), options.screenshot)
    try:
        failed = run(kvm, options.only)
        if options.screenshot:
            picture_for_the_readme(kvm)
    finally:
        kvm.close()
    print(f"{failed} of the checks failed" if failed else "all checks passed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
