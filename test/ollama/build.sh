#!/bin/sh
# build.sh makes the Ollama that the end-to-end tests run against, and prints
# the path of its binary as the last line of its output. With --path it only
# prints that path and builds nothing.
#
# The source is the Go module of a pinned version, so the Go module proxy is all
# the network it needs; nothing is written into the repository. The result is
# kept in ${XDG_CACHE_HOME:-~/.cache}/hearth-e2e and a second run ends at once.
# A change of the version, the compiler flags or the header beside this script
# changes the path, so a cached binary is never a stale one.
#
# It needs go, ps, a C++ compiler, nlohmann/json and stb. On Debian and Ubuntu all
# but go are installed when they are missing; elsewhere the script says so.
set -eu

version=${HEARTH_E2E_OLLAMA_VERSION:-v0.17.4}
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/hearth-e2e

# Inside a Go build there is no run-time choice among CPU variants: without
# these flags all arithmetic is scalar, and a 4,096-token prompt takes a minute
# where it could take five seconds.
flags="-O3"
if grep -qw avx2 /proc/cpuinfo 2>/dev/null && grep -qw fma /proc/cpuinfo && grep -qw f16c /proc/cpuinfo; then
	flags="$flags -mavx2 -mfma -mf16c -mbmi2"
fi

key=$({ echo "$version $flags $(uname -s) $(uname -m)"; cat "$here/include/miniaudio/miniaudio.h"; } | cksum | cut -d' ' -f1)
binary=$cache/ollama-$version-$key/ollama

if [ "${1:-}" = --path ]; then
	echo "$binary"
	exit 0
fi
if [ -x "$binary" ]; then
	echo "$binary"
	exit 0
fi

# A module zip carries no vendor/ directory, where Ollama keeps the headers it
# includes as nlohmann/json.hpp and stb/stb_image.h. Debian packages both under
# the same names. The tests themselves need ps, to find a runner to kill.
complete() {
	command -v ps >/dev/null && command -v "${CXX:-c++}" >/dev/null &&
		printf '#include <nlohmann/json.hpp>\n#include <stb/stb_image.h>\n' |
		${CXX:-c++} ${CPPFLAGS:-} -std=c++17 -fsyntax-only -x c++ - 2>/dev/null
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

if ! complete && command -v apt-get >/dev/null; then
	as_root env DEBIAN_FRONTEND=noninteractive sh -c \
		'apt-get update -qq && apt-get install -y -qq g++ procps nlohmann-json3-dev libstb-dev' >&2
fi
if ! complete; then
	echo "build.sh: needed here: ps, a C++ compiler (${CXX:-c++}), and on its include path" >&2
	echo "nlohmann/json.hpp and stb/stb_image.h; name their folder in CPPFLAGS=-I..." >&2
	exit 1
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "building ollama $version ($flags); this takes some minutes, once" >&2
env -u GOOS -u GOARCH GOFLAGS= GOWORK=off CGO_ENABLED=1 GOBIN="$work" \
	CGO_CPPFLAGS="-I$here/include ${CPPFLAGS:-}" CGO_CFLAGS="$flags" CGO_CXXFLAGS="$flags" \
	go install -trimpath -ldflags "-s -w -X=github.com/ollama/ollama/version.Version=${version#v}" \
	"github.com/ollama/ollama@$version"

# The rename is last and atomic: two builds at once leave one whole binary.
mkdir -p "$(dirname "$binary")"
mv "$work/ollama" "$binary"
echo "$binary"
