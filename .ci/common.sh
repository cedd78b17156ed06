# What the stages share; sourced by each of them. Leaves the stage in the top folder of the checkout.
# shellcheck shell=bash disable=SC2034 # what is not used here is used by stages
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$top"
# Built tools and downloads; a fresh clone on the same machine finds them again.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kvm-ci
mkdir -p "$cache" target/ci

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$top/target} CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
export CARGO_PROFILE_DEV_DEBUG=line-tables-only
PATH=$cache/tools/bin:$PATH

libraries=(kvm-audit kvm-capture kvm-hid kvm-stream)
# What the features that are not pure Rust need: `openh264` a C++ compiler (and nasm, for its speed), `v4l`
# libclang, `peers` the libraries it measures against and converts with.
feature_packages=(g++ nasm libclang-dev libjpeg62-turbo-dev libvpx-dev libx264-dev libyuv-dev)
# The programs that judge what the tests make; with this variable a test fails where one is missing, instead
# of skipping itself.
judge_packages=(ffmpeg libjpeg-turbo-progs gstreamer1.0-tools gstreamer1.0-plugins-{base,good,bad} procps)
export KVM_TOOLS_REQUIRED=1
# The features that are not pure Rust.
impure_features=(openh264 v4l peers)

skip() {
    echo "SKIPPED: $*"
    exit 77
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# need_packages NAME...: installs those Debian packages that are missing.
need_packages() {
    local missing=() package
    command -v apt-get >/dev/null || skip "needs apt-get to install: $*"
    for package; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    update_packages
    echo "installing ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        "${missing[@]}" >target/ci/apt.log 2>&1 || { tail -n 20 target/ci/apt.log && return 1; }
}

# Fetches the package lists, once in a run.
update_packages() {
    [ ! -f target/ci/apt-updated ] || return 0
    as_root apt-get update -q >target/ci/apt.log 2>&1 || { tail -n 20 target/ci/apt.log && return 1; }
    touch target/ci/apt-updated
}

# need_tool CRATE VERSION: a cargo subcommand in the tool cache. Built without optimisation, which costs
# these tools less than it saves.
need_tool() {
    [ "$(cat "$cache/tools/$1.version" 2>/dev/null)" != "$2" ] || return 0
    echo "building $1 $2"
    CARGO_PROFILE_DEV_DEBUG=false CARGO_TARGET_DIR=$cache/tools-target \
        cargo install -q --locked --debug --force --root "$cache/tools" "$1@$2"
    rm -rf "$cache/tools-target"
    echo "$2" >"$cache/tools/$1.version"
}

# npm_package NAME VERSION: the folder of a package without dependencies, in the tool cache. None of its scripts runs.
npm_package() {
    local folder=$cache/npm/${1//\//-}-$2
    if [ ! -f "$folder/complete" ]; then
        # Where node comes from elsewhere than Debian, npm mostly comes with it.
        command -v npm >/dev/null || need_packages npm >&2
        rm -rf "$folder"
        mkdir -p "$folder"
        timeout 300 npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent "$1@$2" >&2
        touch "$folder/complete"
    fi
    echo "$folder/node_modules/$1"
}

# features_of PACKAGE: the names of its features, without `default`.
features_of() {
    cargo metadata --locked --no-deps --format-version 1 | python3 -c '
import json, sys
package = next(p for p in json.load(sys.stdin)["packages"] if p["name"] == sys.argv[1])
print("\n".join(sorted(set(package["features"]) - {"default"})))' "$1"
}

# pure_features_of PACKAGE: those that need Rust alone, with commas between.
pure_features_of() {
    features_of "$1" | grep -vxFf <(printf '%s\n' "${impure_features[@]}") | paste -sd, || :
}
