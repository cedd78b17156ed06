"""Checks pictures and input by WebRTC: Chromium and aiortc are the peers, a relay is the line between.

What a peer shows is compared with the server's own exact picture by ffmpeg; what hands do is read from the virtual
target's text. Times are those of the pictures' capture, which travel with them. Started by `.ci/webrtc/run`.
"""

import argparse
import os
import sys
import traceback

# The order of the checks is that of these lines.
import checks_offers
import checks_chromium
import checks_losses
import checks_without
import checks_aiortc
from kvm import CHECKS, Failed, Kvm
from relay import Relay

# The relay is on this machine's own address, and windows that lie behind others do not rest.
FLAGS = ["--allow-loopback-in-peer-connection", "--disable-renderer-backgrounding"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="the kvm-server to start")
    parser.add_argument("--only", help="does only the checks whose names have this word")
    options = parser.parse_args()
    relay = Relay()
    # Small enough for a busy machine to encode as often as something changes.
    here = ["--virtual-size=800x600", f"--webrtc=127.0.0.1:{relay.server_port}", f"--webrtc-public=127.0.0.1:{relay.port}"]
    kvm = Kvm(os.path.abspath(options.server), options=here, flags=FLAGS)
    kvm.relay = relay
    failed = 0
    try:
        with open(os.path.join(os.path.dirname(__file__), "watch.js"), encoding="utf-8") as script:
            kvm.browser.devtools("Page.addScriptToEvaluateOnNewDocument", source=script.read())
        for function in CHECKS:
            # What the others stand on is always done.
            is_always = function in (checks_offers.offers, checks_chromium.connects)
            if options.only and not is_always and options.only not in function.__name__:
                continue
            try:
                print(f"PASS {function.__doc__}: {function(kvm)}", flush=True)
            except Failed as failure:
                failed += 1
                print(f"FAIL {function.__doc__}: {failure}", flush=True)
            except Exception:
                failed += 1
                print(f"FAIL {function.__doc__}: {traceback.format_exc().strip()}", flush=True)
            if failed and function is checks_chromium.connects:
                break
    finally:
        kvm.close()
        relay.close()
    print(f"{failed} of the checks failed" if failed else "all checks passed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
